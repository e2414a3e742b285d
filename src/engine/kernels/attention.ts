import { dispatch } from '../gpu/dispatch.ts';
import { laneForm } from '../gpu/lanes.ts';
import type { Dispatch, Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';

export interface AttentionShape {
  readonly batch: number;
  readonly context: number;
  readonly heads: number;
  readonly headSize: number;
}

interface Common {
  readonly label: string;
  readonly found: Operand;
  /** (B, T, 3, H, D) */
  readonly qkv: Operand;
  /** (B * H, T) f32 */
  readonly lse: Operand;
  readonly shape: AttentionShape;
}

/** What the three kernels have in common beside their operands. */
function common(target: Target, { found, label, shape: { batch, context, heads, headSize } }: Common) {
  const { conditions, constants } = laneForm(target);
  return {
    found,
    uniforms: { context, heads, scale: 1 / Math.sqrt(headSize) },
    conditions,
    constants: { ...constants, HEAD4: headSize / 4 },
    grid: [Math.ceil(context / target.lanes), batch * heads, 1],
    label,
    // Half of the T x T square, four to eight multiply-adds of D each.
    flops: 4 * batch * heads * context * context * headSize,
  } as const;
}

/** out (B, T, H, D) = causal attention; lse is kept for backward. */
export function attentionForward(target: Target, args: Common & { out: Operand }): Dispatch {
  const { qkv, lse, out } = args;
  return dispatch(target, 'attention_forward', {
    operands: { qkv, out },
    tensors: { lse },
    writes: ['out', 'lse'],
    ...common(target, args),
  });
}

/** dqkv (B, T, 3, H, D) from dout; dots (B * H, T) f32 is scratch between the two passes. */
export function attentionBackward(
  target: Target,
  args: Common & { out: Operand; dout: Operand; dots: Operand; dqkv: Operand },
): Dispatch[] {
  const { qkv, lse, out, dout, dots, dqkv } = args;
  return [
    dispatch(target, 'attention_backward_query', {
      operands: { qkv, out, dout, dqkv },
      tensors: { lse, dots },
      writes: ['dqkv', 'dots'],
      ...common(target, args),
    }),
    dispatch(target, 'attention_backward_key_value', {
      operands: { qkv, dout, dqkv },
      tensors: { lse, dots },
      writes: ['dqkv'],
      ...common(target, args),
    }),
  ];
}
