/** Finds the model and its companion files among files that were chosen or dropped together. */

import type { CompanionFiles } from './beside.ts';
import { blobSource } from './randomAccess.ts';
import { isShardIndex, shardCount } from './shards.ts';

export interface ChosenFiles {
  /** The weights, or the index of the shards that they are split into. */
  readonly weights: File;
  readonly config: File | null;
  readonly tokenizer: File | null;
  readonly generation: File | null;
  readonly shards: readonly File[];
}

/** Why there is no model among files, and what to do. */
export interface NoModel {
  readonly message: string;
  readonly hint: string;
}

/** Browsers name a second download "config (1).json". */
const CONFIG = /^config ?(\(\d+\))?\.json$/i;
const TOKENIZER = /^tokenizer ?(\(\d+\))?\.json$/i;
const GENERATION = /^generation_config ?(\(\d+\))?\.json$/i;
const WEIGHTS = /\.(safetensors|gguf)$/i;

/**
 * Whether the files are those of a model, complete or not: a text or a bundle of runs comes alone, and under another name
 * than the files that lie beside weights.
 */
export function isModel(files: readonly File[]): boolean {
  return (
    files.length > 1 ||
    files.some(
      ({ name }) =>
        [WEIGHTS, CONFIG, TOKENIZER, GENERATION].some((one) => one.test(name)) || isShardIndex(name),
    )
  );
}

/** Picks the weights and companion files of a model's folder, or says why there is no model. */
export function chosenFiles(files: readonly File[]): ChosenFiles | NoModel {
  const all = files.filter(({ name }) => WEIGHTS.test(name));
  const named = (pattern: RegExp) => files.find(({ name }) => pattern.test(name)) ?? null;
  const beside = { config: named(CONFIG), tokenizer: named(TOKENIZER), generation: named(GENERATION) };
  const whole = all.filter(({ name }) => shardCount(name) === 1);
  const index = files.find(({ name }) => isShardIndex(name));
  if (index && whole.length !== 1) return { weights: index, ...beside, shards: all };
  const shards = all.filter(({ name }) => shardCount(name) > 1);
  if (shards.length > 0 && whole.length === 0) {
    return {
      message: `"${shards[0]!.name}" is one of ${shardCount(shards[0]!.name)} shards of a model, and there is no index of them.`,
      hint: "Choose the model's folder, or all its shards with its model.safetensors.index.json.",
    };
  }
  const [first, second] = whole;
  if (first && second) {
    return {
      message: `There are ${whole.length} files of weights: "${first.name}", "${second.name}"${whole.length > 2 ? ` and ${whole.length - 2} more` : ''}.`,
      hint: 'Choose one of them.',
    };
  }
  if (first) return { weights: first, ...beside, shards: [] };
  const [only] = files;
  // The worker reads a single file and reports what it is instead.
  if (only && files.length === 1 && !/\.json$/i.test(only.name))
    return { weights: only, ...beside, shards: [] };
  return withoutWeights(files);
}

/** Of PyTorch: reading them can run any program. */
const PICKLE = /\.(bin|pt|pth|ckpt|pkl)$/i;

/** Says what is missing among files of which none has weights that are read. */
function withoutWeights(files: readonly File[]): NoModel {
  const [first] = files;
  const pickle = files.find(({ name }) => PICKLE.test(name));
  const what =
    files.length === 1
      ? `"${first!.name}" has no weights`
      : `None of the ${files.length} files (${listed(files)}) has weights that are read here`;
  if (pickle) {
    return {
      message: `${what}: "${pickle.name}" is a Python pickle.`,
      hint: 'Convert it: save_pretrained(FOLDER) of transformers writes the model.safetensors that is missing.',
    };
  }
  return {
    message: `${what}: a .safetensors file, the index of several, or a .gguf file is missing.`,
    hint: 'Choose it together with its config.json and tokenizer.json. A text, or a file of runs, is taken if it is dropped alone.',
  };
}

function listed(files: readonly File[]): string {
  const names = files.slice(0, 3).map(({ name }) => `"${name}"`);
  return `${names.join(', ')}${files.length > 3 ? ` and ${files.length - 3} more` : ''}`;
}

/** The files that lie beside the weights, for `openModel`. */
export function filesBeside({
  config,
  tokenizer,
  generation,
  shards,
}: Omit<ChosenFiles, 'weights'>): CompanionFiles {
  return {
    config: config && blobSource('config.json', config),
    tokenizer: tokenizer && blobSource('tokenizer.json', tokenizer),
    generation: generation && blobSource('generation_config.json', generation),
    shard: async (name) => {
      const shard = shards.find((each) => nameOnDisk(each.name) === name);
      return shard ? blobSource(name, shard) : null;
    },
  };
}

/** The name that a file had when it was downloaded: browsers name a second one "a (1).safetensors". */
function nameOnDisk(name: string): string {
  return name.replace(/ ?\(\d+\)(?=\.\w+$)/, '');
}
