/**
 * Which tokens a step sees. A function of the batch's index alone, so that every precision mode, a resumed
 * run and a test get the same batches.
 */
import { integerAt } from '../core/rng.ts';
import { checksum } from './checksum.ts';

/** Token ids, each as wide as the vocabulary needs. */
export type TokenArray = Uint8Array | Uint16Array | Uint32Array;

export interface BatchOptions {
  /** B: windows in a batch. */
  readonly batch: number;
  /** T: tokens in a window. */
  readonly context: number;
  readonly order: 'random' | 'sequential';
  readonly seed: number;
}

export interface Batch {
  /** B * T token ids, window by window. */
  readonly tokens: Uint32Array;
  /** B * T token ids: what follows each of `tokens`. */
  readonly targets: Uint32Array;
}

/**
 * Micro-batch `index` (from 0) of a split that has more than T tokens.
 *
 * Random: the windows start uniformly in [0, n - T), n the split's tokens. Sequential: window i of batch b
 * starts at `((b * B + i) * T) mod (n - T)`.
 */
export function batchAt(split: TokenArray, index: number, options: BatchOptions): Batch {
  const { batch, context, order, seed } = options;
  const tokens = new Uint32Array(batch * context);
  const targets = new Uint32Array(batch * context);
  const starts = split.length - context;
  for (let i = 0; i < batch; i++) {
    const window = index * batch + i;
    const start = order === 'random' ? integerAt(window, seed, starts) : (window * context) % starts;
    tokens.set(split.subarray(start, start + context), i * context);
    targets.set(split.subarray(start + 1, start + context + 1), i * context);
  }
  return { tokens, targets };
}

/** Fingerprint of the first batches: two runs that show the same one started on the same data. */
export function batchesChecksum(batch: (index: number) => Batch, count = 4): string {
  const batches = Array.from({ length: count }, (_, index) => batch(index));
  return checksum(...batches.flatMap(({ tokens, targets }) => [tokens, targets]));
}

/**
 * Where each token occurs, as compressed sparse rows: token v is at
 * `positions[starts[v]] .. positions[starts[v + 1] - 1]`, in ascending order. With it the embedding gradient
 * is a sum per row in a fixed order, without atomics.
 * @param tokens B * T ids, all below `rows`
 * @param rows V, or Vp where the padding rows take part
 * @returns starts (rows + 1) and positions (B * T)
 */
export function positionsByToken(
  tokens: Uint32Array,
  rows: number,
): { starts: Uint32Array; positions: Uint32Array } {
  const starts = new Uint32Array(rows + 1);
  for (const token of tokens) starts[token + 1]!++;
  for (let row = 0; row < rows; row++) starts[row + 1]! += starts[row]!;
  const next = starts.slice(0, rows);
  const positions = new Uint32Array(tokens.length);
  for (let i = 0; i < tokens.length; i++) positions[next[tokens[i]!]!++] = i;
  return { starts, positions };
}
