import { type Dispatch, f32, SITE, slotsOf, type Target, u32 } from '../gpu/operation.ts';
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

/** @param stored what the kernel makes, by its slot */
function dispatch(
  target: Target,
  kernel: string,
  args: Common,
  stored: Record<string, Operand>,
  bindings: Record<string, Operand> = {},
): Dispatch {
  const { batch, context, heads, headSize } = args.shape;
  return {
    kind: 'dispatch',
    variant: {
      kernel,
      slots: slotsOf(target, { qkv: args.qkv, ...stored }),
      conditions: { subgroups: target.subgroups },
      constants: { HEAD4: headSize / 4, LANES: target.lanes },
    },
    bindings: { qkv: args.qkv, lse: args.lse, found: args.found, ...bindings, ...stored },
    params: [u32(context), u32(heads), f32(1 / Math.sqrt(headSize)), SITE],
    grid: [Math.ceil(context / target.lanes), batch * heads, 1],
    label: args.label,
    // Half of the T x T square, four to eight multiply-adds of D each.
    flops: 4 * batch * heads * context * context * headSize,
  };
}

/** out (B, T, H, D) = causal attention; lse is kept for backward. */
export function attentionForward(target: Target, args: Common & { out: Operand }): Dispatch {
  return dispatch(target, 'attention_forward', args, { out: args.out });
}

/** dqkv (B, T, 3, H, D) from dout, which has the format of qkv; dots (B * H, T) f32 is scratch between the two passes. */
export function attentionBackward(
  target: Target,
  args: Common & { out: Operand; dout: Operand; dots: Operand; dqkv: Operand },
): Dispatch[] {
  const { out, dout, dots, dqkv } = args;
  return [
    dispatch(target, 'attention_backward_query', args, { dqkv }, { out, dout, dots }),
    dispatch(target, 'attention_backward_key_value', args, { dqkv }, { dout, dots }),
  ];
}
