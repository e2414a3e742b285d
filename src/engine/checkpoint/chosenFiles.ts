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

/** Whether there is a file of weights, or an index of them, among the files. */
export function hasWeights(files: readonly File[]): boolean {
  return files.some(({ name }) => WEIGHTS.test(name) || isShardIndex(name));
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
  const [only] = files.filter(({ name }) => !/\.json$/i.test(name));
  // The worker reads the file and reports what it is instead.
  if (only) return { weights: only, ...beside, shards: [] };
  return {
    message: `${files.length === 1 ? `"${files[0]!.name}" has` : `The ${files.length} files have`} no weights.`,
    hint: 'Choose the .safetensors file too, together with its config.json and tokenizer.json.',
  };
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
