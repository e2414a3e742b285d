/** Attention of a few tokens over a cache of the keys and values of their window. */
import { dispatch } from '../gpu/dispatch.ts';
import { laneForm } from '../gpu/lanes.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';
import { type AttentionShape, optionsOf } from './attentionOptions.ts';

/** Elements of the keys and values of a token. */
export function keyValueElements({ heads, headSize, keyValueHeads = heads }: AttentionShape): number {
  return 2 * keyValueHeads * headSize;
}

/**
 * Stores the keys and values of `qkv` in `cache`, and out (rows, H, D) = attention of each row over the keys up to its own.
 * @param args.shape its context is the number of rows, of one window
 * @throws RangeError for options that contradict the shape
 */
export function cachedAttention(
  target: Target,
  args: {
    readonly label: string;
    readonly found: Operand;
    /** (rows, H + 2 G, D) */
    readonly qkv: Operand;
    /** (T, 2 G, D) in the format of `qkv`. */
    readonly cache: Operand;
    /** (1) u32: the place of the first row in the window. */
    readonly position: Operand;
    readonly out: Operand;
    readonly shape: AttentionShape;
    /** What q . k is multiplied by; 1 / sqrt(D) where left out. */
    readonly scale?: number | undefined;
    readonly softCap?: number | undefined;
  },
): Dispatch[] {
  const { label, found, qkv, cache, position, out, shape, softCap } = args;
  const { context: rows, heads, headSize } = shape;
  const { conditions, uniforms } = optionsOf(shape, { softCap });
  const keyValues = keyValueElements(shape);
  const vectors = (rows * keyValues) / 4;
  const form = laneForm(target);
  return [
    dispatch(target, 'attention_cache_store', {
      operands: { qkv, cache },
      tensors: { position },
      writes: ['cache'],
      uniforms: { vectors, query4: (heads * headSize) / 4, keyValue4: keyValues / 4 },
      grid: linearGrid(vectors, 64),
      label: `${label} keys and values`,
    }),
    dispatch(target, 'attention_cached', {
      operands: { qkv, cache, out },
      tensors: { position },
      writes: ['out'],
      found,
      uniforms: { context: rows, heads, scale: args.scale ?? 1 / Math.sqrt(headSize), ...uniforms },
      conditions: { ...form.conditions, ...conditions },
      constants: { ...form.constants, HEAD4: headSize / 4 },
      grid: [rows, heads, 1],
      label,
    }),
  ];
}
