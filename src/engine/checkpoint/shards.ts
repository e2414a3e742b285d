/**
 * Weights that are split into several safetensors files ("shards"), which an index assigns the tensors to.
 * Format: https://huggingface.co/docs/transformers, "Sharded checkpoints".
 */
import { EngineError } from '../core/errors.ts';
import type { JsonObject } from '../core/strictJson.ts';
import { quote } from '../core/strictJson.ts';
import { CompanionFileError, describe, readObject } from './beside.ts';
import type { RandomAccess } from './randomAccess.ts';
import { openSafetensors } from './safetensors.ts';
import { type StoredTensor, type StoredWeights, storedWeights } from './storedWeights.ts';

/** Largest index that is read. Each tensor takes about 100 bytes of it. */
const MAX_BYTES = 32 * 2 ** 20;

/** Browsers name a second download "model.safetensors.index (1).json". */
const INDEX = /\.safetensors\.index ?(\(\d+\))?\.json$/i;
const SHARD = /-\d{5}-of-(\d{5}) ?(\(\d+\))?\.safetensors$/i;

/** Whether a file is an index of shards, by its name. */
export function isShardIndex(name: string): boolean {
  return INDEX.test(name);
}

/** Number of shards of the model of which a file is one, by its name; 1 for a whole model. */
export function shardCount(name: string): number {
  return Math.max(1, Number(SHARD.exec(name)?.[1] ?? 1));
}

/** The error for a shard that was given as if it were the model. */
export function loneShard(name: string): EngineError {
  return new EngineError(
    'WRONG_MODEL',
    `"${name}" is one of ${shardCount(name)} shards of a model, and not the model.`,
    'Give the whole folder, or all its shards with its model.safetensors.index.json.',
  );
}

/**
 * Opens every shard that the index names, and checks that the index and the shards agree about each tensor.
 * @param shard opens a file beside the index by its name; null when there is none
 * @throws EngineError BAD_FILE naming the index or the shard, and what is wrong with it
 */
export async function openShards(
  index: RandomAccess,
  shard: (name: string) => Promise<RandomAccess | null>,
): Promise<StoredWeights> {
  const byShard = await readIndex(index);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, names] of byShard) {
    const source = await shard(name);
    if (!source) {
      throw badIndex(
        index.name,
        `names the shard ${quote(name)} (${names.size} tensors), which is not beside it`,
        'Get that file too, and keep all files of the model in one folder, or choose them together.',
      );
    }
    const { tensors: stored } = storedWeights(await openSafetensors(source));
    for (const tensor of names) {
      if (!stored.has(tensor)) {
        throw badIndex(index.name, `says that ${quote(tensor)} is in ${quote(name)}, which does not have it`);
      }
    }
    for (const [tensor, info] of stored) {
      if (!names.has(tensor)) {
        throw badIndex(index.name, `does not name ${quote(tensor)}, which is in its shard ${quote(name)}`);
      }
      tensors.set(tensor, info);
    }
  }
  return { name: index.name, metadata: new Map(), tensors };
}

/**
 * Returns the names of the files that an index assigns tensors to.
 * @throws EngineError BAD_FILE when it is not such an index
 */
export async function shardNames(index: RandomAccess): Promise<string[]> {
  return [...(await readIndex(index)).keys()];
}

/** Returns the names of the tensors of each shard. */
async function readIndex(index: RandomAccess): Promise<Map<string, Set<string>>> {
  const map = weightMap(index.name, await readJson(index));
  const byShard = new Map<string, Set<string>>();
  for (const [tensor, shard] of map) {
    if (typeof shard !== 'string' || !isPlainName(shard)) {
      throw badIndex(
        index.name,
        `puts ${quote(tensor)} into ${describe(shard)}, which is not the name of a file beside it`,
      );
    }
    const names = byShard.get(shard);
    if (names) names.add(tensor);
    else byShard.set(shard, new Set([tensor]));
  }
  if (byShard.size === 0) throw badIndex(index.name, 'names no tensor');
  return byShard;
}

async function readJson(index: RandomAccess): Promise<JsonObject> {
  try {
    return await readObject(index, MAX_BYTES);
  } catch (cause) {
    if (!(cause instanceof CompanionFileError)) throw cause;
    throw badIndex(index.name, cause.message, undefined, { cause });
  }
}

function weightMap(index: string, json: JsonObject): JsonObject {
  const map = json.get('weight_map');
  if (map instanceof Map) return map;
  throw badIndex(
    index,
    map === undefined ? 'has no weight_map' : `has weight_map ${describe(map)}, which is not an object`,
  );
}

/** Whether a name stays within its folder. */
function isPlainName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name);
}

function badIndex(
  index: string,
  what: string,
  hint = 'It is damaged, or belongs to another model. Get it again from where the shards are from.',
  options?: ErrorOptions,
): EngineError {
  return new EngineError('BAD_FILE', `The index "${index}" ${what}.`, hint, options);
}
