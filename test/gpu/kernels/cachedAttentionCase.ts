/** Attention over a cache of keys and values against the f64 oracle, in two passes that continue each other. */
import type { Target } from '../../../src/engine/gpu/operation.ts';
import { cachedAttention, keyValueElements } from '../../../src/engine/kernels/cachedAttention.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import { attentionForward as oracle } from '../../../src/engine/reference/attention.ts';
import { forwardErrors } from './attentionBounds.ts';
import { type Comparison, compareStored } from './bounds.ts';
import { normal } from './inputs.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

/** More tokens than a workgroup has lanes, and a second pass of one token. */
const T = 71;
const PARTS = [
  { first: 0, rows: T - 1 },
  { first: T - 1, rows: 1 },
];

export interface CachedAttentionCase {
  readonly format: FormatId;
  readonly heads: number;
  readonly headSize: number;
  readonly keyValueHeads?: number;
  readonly softCap?: number;
}

export async function checkCachedAttention(
  fixture: KernelFixture,
  target: Target,
  { format, heads: H, headSize: D, keyValueHeads: G = H, softCap }: CachedAttentionCase,
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const found = run.found();
  const width = (H + 2 * G) * D;
  const numbers = normal(T * width, 1);
  const shape = { batch: 1, heads: H, headSize: D, keyValueHeads: G };
  const cache = run.output('cache', format, T * keyValueElements({ ...shape, context: 1 }));
  const passes = PARTS.map(({ first, rows }) => {
    const qkv = run.input('qkv', format, numbers.slice(first * width, (first + rows) * width));
    const out = run.output('out', format, rows * H * D);
    const position = run.codes('position', 'u32', Uint32Array.of(first));
    const label = `${rows} rows from ${first}`;
    const args = { label, found, qkv, cache, position, out, shape: { ...shape, context: rows }, softCap };
    return { label, first, rows, qkv, out, dispatches: cachedAttention(target, args) };
  });
  await run.run(passes.flatMap(({ dispatches }) => dispatches));
  if (run.overflow() !== null) throw new Error(`${run.overflow()} reported an overflow`);
  const all = Float64Array.from(passes.flatMap(({ qkv }) => [...run.values(qkv)]));
  const reference = { B: 1, T, H, D, G, ...(softCap !== undefined && { softCap }) };
  const known = oracle(all, reference);
  const { outError } = forwardErrors(reference, all, known.out, known.lse);
  return passes.map(({ label, first, rows, out }) => {
    const [begin, end] = [first * H * D, (first + rows) * H * D];
    const expected = known.out.subarray(begin, end);
    const comparison = compareStored('out', format, run.read(out), expected, (i) => outError[begin + i]!);
    return { ...comparison, of: label };
  });
}
