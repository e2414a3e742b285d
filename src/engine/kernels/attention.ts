import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';
import { type AttentionOptions, type AttentionShape, optionsOf } from './attentionOptions.ts';
import { keyValuePasses, registerLanes, uniformLanes, type WorkgroupShape } from './attentionWorkgroup.ts';

interface Common extends AttentionOptions {
  readonly label: string;
  readonly found: Operand;
  /** (B, T, H + 2 G, D): with as many key/value heads as heads (B, T, 3, H, D) */
  readonly qkv: Operand;
  /** (B * H, T) f32 */
  readonly lse: Operand;
  readonly shape: AttentionShape;
}

/** What the kernels have in common beside their operands. */
function common({ label, shape, ...options }: Pick<Common, 'label' | 'shape'> & AttentionOptions) {
  const { batch, context, heads, headSize } = shape;
  const { conditions, uniforms, tensors } = optionsOf(shape, options);
  return {
    conditions,
    uniforms: { context, heads, scale: options.scale ?? 1 / Math.sqrt(headSize), ...uniforms },
    tensors,
    label,
    // Half of the T x T square, four to eight multiply-adds of D each.
    flops: 4 * batch * heads * context * (options.windows?.keys ?? context) * headSize,
  } as const;
}

type Shared = ReturnType<typeof common>;

/** Adds how a kernel is cut into workgroups. @param rows of a head: queries, or keys */
function workgroups(
  shared: Shared,
  { rows: width, conditions, constants }: WorkgroupShape,
  rows: number,
  heads: number,
) {
  return {
    ...shared,
    conditions: { ...shared.conditions, ...conditions },
    constants,
    grid: [Math.ceil(rows / width), heads, 1],
  } as const;
}

/** out (B, T, H, D) = causal attention; lse is kept for backward. @throws RangeError for options that contradict the shape */
export function attentionForward(target: Target, args: Common & { out: Operand }): Dispatch {
  const { qkv, lse, out, found, shape } = args;
  const { batch, context, heads, headSize } = shape;
  const uniform = target.attention === 'uniform';
  const form = uniform ? uniformLanes(target, headSize, 'forward') : registerLanes(target, headSize);
  const shared = workgroups(common(args), form, context, batch * heads);
  return dispatch(target, uniform ? 'attention_uniform_forward' : 'attention_forward', {
    ...shared,
    found,
    operands: { qkv, out },
    tensors: { ...shared.tensors, lse },
    writes: ['out', 'lse'],
  });
}

type BackwardArgs = Common & { out: Operand; dout: Operand; dots: Operand; dqkv: Operand };

/**
 * dqkv (B, T, H + 2 G, D) from dout; dots (B * H, T) f32 is scratch between the passes.
 * @throws RangeError for options that contradict the shape
 */
export function attentionBackward(target: Target, args: BackwardArgs): Dispatch[] {
  return target.attention === 'uniform' ? uniformBackward(target, args) : registerBackward(target, args);
}

function registerBackward(target: Target, args: BackwardArgs): Dispatch[] {
  const { qkv, lse, out, dout, dots, dqkv, found, shape, windows } = args;
  const { batch, context, heads, headSize, keyValueHeads = heads } = shape;
  const shared = common(args);
  const form = registerLanes(target, headSize);
  const queries = workgroups(shared, form, context, batch * heads);
  const keys = workgroups(shared, form, windows?.keys ?? context, batch * keyValueHeads);
  return [
    ...(windows ? [rowDots(target, args)] : []),
    dispatch(target, 'attention_backward_query', {
      ...queries,
      found,
      operands: { qkv, out: windows ? undefined : out, dout, dqkv },
      tensors: { ...shared.tensors, lse, dots },
      writes: windows ? ['dqkv'] : ['dqkv', 'dots'],
    }),
    dispatch(target, 'attention_backward_key_value', {
      ...keys,
      found,
      operands: { qkv, dout, dqkv },
      tensors: { ...shared.tensors, lse, dots },
      writes: ['dqkv'],
    }),
  ];
}

function uniformBackward(target: Target, args: BackwardArgs): Dispatch[] {
  const { qkv, lse, dout, dots, dqkv, found, shape, windows } = args;
  const { batch, context, heads, headSize, keyValueHeads = heads } = shape;
  const shared = common(args);
  const query = workgroups(shared, uniformLanes(target, headSize, 'query'), context, batch * heads);
  return [
    rowDots(target, args),
    dispatch(target, 'attention_uniform_backward_query', {
      ...query,
      found,
      operands: { qkv, dout, dqkv },
      tensors: { ...shared.tensors, lse, dots },
      writes: ['dqkv'],
    }),
    ...keyValuePasses(target, headSize).map((pass) => {
      const form = uniformLanes(target, headSize, pass);
      const all = workgroups(shared, form, windows?.keys ?? context, batch * keyValueHeads);
      return dispatch(target, 'attention_uniform_backward_key_value', {
        ...all,
        conditions: { ...all.conditions, keys: pass !== 'value', values: pass !== 'key' },
        found,
        operands: { qkv, dout, dqkv },
        tensors: { ...shared.tensors, lse, dots: pass === 'value' ? undefined : dots },
        writes: ['dqkv'],
      });
    }),
  ];
}

/** Lanes of a workgroup where each has a row. */
const DOTS_LANES = 64;

/** dots (B * H, T) = sum(out * dout) of each row. */
function rowDots(target: Target, args: BackwardArgs): Dispatch {
  const { out, dout, dots, shape } = args;
  const { batch, context, heads, headSize } = shape;
  const rows = batch * heads * context;
  return dispatch(target, 'attention_dots', {
    operands: { out, dout },
    tensors: { dots },
    writes: ['dots'],
    uniforms: { context, heads, rows },
    constants: { HEAD4: headSize / 4, LANES: DOTS_LANES },
    grid: linearGrid(rows, DOTS_LANES),
    label: `${args.label} row dots`,
  });
}
