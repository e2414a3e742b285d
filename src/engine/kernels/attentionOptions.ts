/** What attention may be asked for beside plain causal attention with as many key/value heads as heads. */
import type { Operand } from '../gpu/tensor.ts';
import { type Dropout, dropoutUniforms } from './dropout.ts';

export interface AttentionShape {
  readonly batch: number;
  /** Queries of a window. */
  readonly context: number;
  readonly heads: number;
  readonly headSize: number;
  /** Divides `heads`: so many heads share a key and a value. As many as `heads` unless given. */
  readonly keyValueHeads?: number;
}

export interface AttentionOptions {
  /** What q . k is multiplied by; 1 / sqrt(D) where left out. */
  readonly scale?: number | undefined;
  /** Scores become cap * tanh(score / cap). */
  readonly softCap?: number | undefined;
  readonly windows?: AttentionWindows | undefined;
}

/** What differs between windows. Each use costs something where it is asked for, and nothing elsewhere. */
export interface AttentionWindows {
  /** (B, 3 + rows of qkv a window) u32, as {@link windowWords} writes it. */
  readonly tensor: Operand;
  /**
   * Rows of qkv a window, where there are more than queries (a cache of keys and values): the queries are `context` rows
   * from the window's first query on. dqkv has as many rows, and of q only those of the queries are written.
   */
  readonly keys?: number | undefined;
  /** A token sees only tokens of its own document. */
  readonly documents?: boolean | undefined;
  /** Of the probabilities. */
  readonly dropout?: Dropout | undefined;
}

/** One window of {@link AttentionWindows}. What is left out is 0. */
export interface AttentionWindow {
  /** Of the step's random numbers. */
  readonly seed?: number;
  /** Index of the window in the step: what is dropped depends on it, and not on how a step is cut into micro-batches. */
  readonly index?: number;
  /** Row of qkv that is the first query. */
  readonly firstQuery?: number;
  /** For each row of qkv the first row of its document. */
  readonly starts?: ArrayLike<number>;
}

/** Words of a window in shaders/lib/windows.wgsl that come before the starts of its documents. */
const WINDOW_WORDS = 3;

/** Words of the tensor of {@link AttentionWindows}. @param keys rows of qkv a window */
export function windowElements(batch: number, keys: number): number {
  return batch * (WINDOW_WORDS + keys);
}

/**
 * The tensor of {@link AttentionWindows}.
 * @param shape with the rows of qkv a window as `keys`
 * @throws RangeError where queries lie beyond the last row, or a document starts behind one of its tokens or before the one before it
 */
export function windowWords(
  windows: readonly AttentionWindow[],
  { context, keys }: { readonly context: number; readonly keys: number },
): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(windowElements(windows.length, keys));
  for (const [b, { seed = 0, index = 0, firstQuery = 0, starts }] of windows.entries()) {
    if (firstQuery + context > keys) {
      throw new RangeError(
        `Window ${b} has ${context} queries from row ${firstQuery} on, and ${keys} rows: start at ${keys - context} at most.`,
      );
    }
    const at = b * (WINDOW_WORDS + keys);
    words.set([seed, index, firstQuery], at);
    if (!starts) continue;
    checkStarts(b, starts, keys);
    words.set(starts, at + WINDOW_WORDS);
  }
  return words;
}

/** Kernels skip keys before the document of a workgroup's first query, and queries behind that of its last key. */
function checkStarts(window: number, starts: ArrayLike<number>, keys: number): void {
  if (starts.length !== keys) {
    throw new RangeError(`Window ${window} has ${starts.length} starts of documents for ${keys} rows.`);
  }
  for (let i = 0; i < keys; i++) {
    const [start, before] = [starts[i]!, i === 0 ? 0 : starts[i - 1]!];
    if (start > i || start < before) {
      throw new RangeError(
        `In window ${window} the document of row ${i} starts at row ${start}; it must start from row ${before} to ${i}, since documents follow each other.`,
      );
    }
  }
}

/** Conditions and uniforms of the kernels; none where nothing is asked for. */
export function optionsOf(
  { context, heads, headSize, keyValueHeads = heads }: AttentionShape,
  { softCap, windows }: AttentionOptions,
) {
  check(headSize % 4 === 0, `A head of ${headSize} numbers is no multiple of 4.`);
  check(
    heads % keyValueHeads === 0,
    `${heads} heads cannot share ${keyValueHeads} key/value heads evenly: their number must divide ${heads}.`,
  );
  check(softCap === undefined || softCap > 0, `Scores are capped at ${softCap}, which must be above 0.`);
  const { keys, documents = false, dropout } = windows ?? {};
  check(keys === undefined || keys >= context, `${context} queries do not fit in ${keys} rows of qkv.`);
  const grouped = keyValueHeads !== heads;
  return {
    conditions: {
      ...{ grouped, windows: windows !== undefined, cached: keys !== undefined, documents },
      ...{ capped: softCap !== undefined, dropout: dropout !== undefined },
    },
    uniforms: {
      ...{ keyValueHeads: grouped ? keyValueHeads : undefined, keys, cap: softCap },
      ...(dropout && dropoutUniforms(dropout)),
    },
    tensors: { windows: windows?.tensor },
  };
}

function check(holds: boolean, message: string): void {
  if (!holds) throw new RangeError(message);
}
