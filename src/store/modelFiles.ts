/** Finds the model and its companion files among files that were chosen or dropped together. */
import type { Problem } from './settings.ts';

export interface ChosenFiles {
  readonly weights: File;
  readonly config: File | null;
  readonly tokenizer: File | null;
}

/** Browsers name a second download "config (1).json". */
const CONFIG = /^config ?(\(\d+\))?\.json$/i;
const TOKENIZER = /^tokenizer ?(\(\d+\))?\.json$/i;
const WEIGHTS = /\.safetensors$/i;

/** Whether there is a file of weights among them. */
export function hasWeights(files: readonly File[]): boolean {
  return files.some(({ name }) => WEIGHTS.test(name));
}

/** Picks the weights, config and tokenizer of a model's folder, or says why there is no model. */
export function modelFiles(files: readonly File[]): ChosenFiles | Problem {
  const weights = files.filter(({ name }) => WEIGHTS.test(name));
  const named = (pattern: RegExp) => files.find(({ name }) => pattern.test(name)) ?? null;
  const [first, second] = weights;
  if (first && second) {
    return {
      message: `There are ${weights.length} files of weights: "${first.name}", "${second.name}"${weights.length > 2 ? ` and ${weights.length - 2} more` : ''}.`,
      hint: 'Choose one of them. A sharded model has to be saved as a single file first.',
    };
  }
  if (first) return { weights: first, config: named(CONFIG), tokenizer: named(TOKENIZER) };
  const [only] = files.filter(({ name }) => !/\.json$/i.test(name));
  // The worker reads the file and reports what it is instead.
  if (only) return { weights: only, config: named(CONFIG), tokenizer: named(TOKENIZER) };
  return {
    message: `${files.length === 1 ? `"${files[0]!.name}" has` : `The ${files.length} files have`} no weights.`,
    hint: 'Choose the .safetensors file too, together with its config.json and tokenizer.json.',
  };
}
