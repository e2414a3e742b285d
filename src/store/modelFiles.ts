/** Which of the files that were chosen or dropped together is the model, and what lies beside it. */
import type { Problem } from './settings.ts';

export interface ChosenFiles {
  readonly weights: File;
  readonly config: File | null;
  readonly tokenizer: File | null;
}

/** A browser that has saved one before calls the next "config (1).json". */
const CONFIG = /^config ?(\(\d+\))?\.json$/i;
const TOKENIZER = /^tokenizer ?(\(\d+\))?\.json$/i;
const WEIGHTS = /\.safetensors$/i;

/** There is a file of weights among them. */
export function hasWeights(files: readonly File[]): boolean {
  return files.some(({ name }) => WEIGHTS.test(name));
}

/** The files of a model's folder, of which only three are read; or why they are none. */
export function modelFiles(files: readonly File[]): ChosenFiles | Problem {
  const weights = files.filter(({ name }) => WEIGHTS.test(name));
  const named = (pattern: RegExp) => files.find(({ name }) => pattern.test(name)) ?? null;
  const [first, second] = weights;
  if (first && second) {
    return {
      message: `${weights.length} files of weights were given: "${first.name}", "${second.name}"${weights.length > 2 ? ` and ${weights.length - 2} more` : ''}.`,
      hint: 'Give one of them. A model that is cut into several has to be written as one file first.',
    };
  }
  if (first) return { weights: first, config: named(CONFIG), tokenizer: named(TOKENIZER) };
  const [only] = files.filter(({ name }) => !/\.json$/i.test(name));
  // The reader says what it is instead.
  if (only) return { weights: only, config: named(CONFIG), tokenizer: named(TOKENIZER) };
  return {
    message: `${files.length === 1 ? `"${files[0]!.name}" has` : `${files.length} files were given, which have`} no weights.`,
    hint: 'Choose the .safetensors file too, together with its config.json and tokenizer.json.',
  };
}
