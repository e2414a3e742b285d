/**
 * Selects the tokens of each step. A batch depends on its index and the seed alone, so that every precision mode, a
 * resumed run and a test see the same batches.
 */
import { integerAt } from '../core/rng.ts';
import { checksum } from './checksum.ts';

/** Token ids in the narrowest integer type that holds the vocabulary. */
export type TokenArray = Uint8Array | Uint16Array | Uint32Array;

export interface BatchOptions {
  /** B: windows per batch. */
  readonly batch: number;
  /** T: tokens per window. */
  readonly context: number;
  readonly order: 'random' | 'sequential';
  readonly seed: number;
}

export interface Batch {
  /** B * T token ids, window by window. */
  readonly tokens: Uint32Array;
  /** B * T token ids: the successor of each of `tokens`. */
  readonly targets: Uint32Array;
}

/**
 * Returns micro-batch `index` (from 0) of a split with n > T tokens.
 *
 * In random order each window starts at a uniform position in [0, n - T). In sequential order window i of batch b
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

/** Checksum of the first `count` batches. Two runs with equal checksums started on the same data. */
export function batchesChecksum(batch: (index: number) => Batch, count = 4): string {
  const batches = Array.from({ length: count }, (_, index) => batch(index));
  return checksum(...batches.flatMap(({ tokens, targets }) => [tokens, targets]));
}

/**
 * Lists the positions of each token in compressed sparse rows: token v occurs at
 * `positions[starts[v]] .. positions[starts[v + 1] - 1]`, in ascending order. This lets the embedding gradient be
 * summed row by row in a fixed order, without atomics.
 * @param tokens B * T ids, all below `rows`
 * @param rows V, or Vp when padding rows are included
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
