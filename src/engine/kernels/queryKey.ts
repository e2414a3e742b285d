/** What happens to queries and keys between their projection and attention: QK-norm and RoPE. */
import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand, Tensor } from '../gpu/tensor.ts';
import type { AttentionShape } from './attentionOptions.ts';
import { reducePartials } from './rows.ts';

interface Common {
  readonly label: string;
  readonly found: Operand;
  /** The head size is a multiple of 8. */
  readonly shape: AttentionShape;
  /** (T, D) f32, as `angleTable` of model/angles.ts makes it; absent without RoPE. */
  readonly angles?: Operand | undefined;
}

/** An RMSNorm of each head. */
interface HeadNorm {
  /** (B, T, H + 2 G, D): what is normalised, and v. */
  readonly inp: Operand;
  /** (D) */
  readonly qGain: Operand;
  /** (D) */
  readonly kGain: Operand;
  /** (B * T, H + G) f32 */
  readonly stats: Operand;
}

/** What the kernels have in common: lanes of 64 with as many pairs of vectors as one lane has. */
function form({ shape, angles }: Pick<Common, 'shape' | 'angles'>, heads: number, norm: boolean) {
  const { batch, context, headSize, heads: queries, keyValueHeads = queries } = shape;
  const half = headSize / 8;
  const pairs = norm ? half : 1;
  const lanes = batch * context * heads * (half / pairs);
  return {
    uniforms: { lanes, pairs, context, heads: queries, keyValueHeads },
    conditions: { rotate: angles !== undefined, norm },
    constants: { HEAD4: headSize / 4 },
    grid: linearGrid(lanes, 64),
  } as const;
}

/**
 * Rotates the heads of q and k in place in `qkv`; with a norm `qkv` is made from its input, with v.
 * @throws RangeError for a head size that is no multiple of 8
 */
export function queryKeyForward(
  target: Target,
  args: Common & {
    /** (B, T, H + 2 G, D) */
    qkv: Operand;
    norm?: (HeadNorm & { readonly epsilon: number }) | undefined;
    /** (1) u32: the place of the first row in its window; the first place if absent. */
    position?: Operand | undefined;
  },
): Dispatch {
  const { label, found, shape, angles, qkv, norm, position } = args;
  checkHead(shape);
  const { heads, keyValueHeads = heads } = shape;
  const taken = heads + (norm ? 2 : 1) * keyValueHeads;
  const { uniforms, conditions, ...grid } = form(args, taken, norm !== undefined);
  return dispatch(target, 'query_key_forward', {
    ...grid,
    label,
    found,
    operands: { qkv, inp: norm?.inp, qGain: norm?.qGain, kGain: norm?.kGain },
    tensors: { angles, stats: norm?.stats, position },
    writes: ['qkv', 'stats'],
    uniforms: { ...uniforms, epsilon: norm?.epsilon },
    conditions: { ...conditions, placed: position !== undefined },
  });
}

/** Turns dqkv (B, T, H + 2 G, D) into the gradient of what {@link queryKeyForward} read, in place. */
export function queryKeyBackward(
  target: Target,
  args: Common & { dqkv: Operand; norm?: HeadNorm | undefined },
): Dispatch {
  const { label, found, shape, angles, dqkv, norm } = args;
  checkHead(shape);
  const { heads, keyValueHeads = heads } = shape;
  return dispatch(target, 'query_key_backward', {
    ...form(args, heads + 2 * keyValueHeads, norm !== undefined),
    label,
    found,
    operands: { dqkv, inp: norm?.inp, qGain: norm?.qGain, kGain: norm?.kGain },
    tensors: { angles, stats: norm?.stats },
    writes: ['dqkv'],
  });
}

/** Blocks of rows into which the sums of {@link queryKeyGains} are cut. */
function gainBlocks({ batch, context, heads }: AttentionShape): number {
  return Math.min(256, Math.ceil((batch * context * heads) / 64));
}

/** Elements of the scratch of {@link queryKeyGains}. */
export function gainPartials(shape: AttentionShape): number {
  return 2 * gainBlocks(shape) * shape.headSize;
}

/** dqGain (D) and dkGain (D) += the gradients of the gains, each only if it is given. Comes before {@link queryKeyBackward}. */
export function queryKeyGains(
  target: Target,
  args: Common & {
    dqkv: Operand;
    inp: Operand;
    stats: Operand;
    /** f32, of {@link gainPartials}. */
    partials: Tensor;
    dqGain?: Operand | undefined;
    dkGain?: Operand | undefined;
  },
): Dispatch[] {
  const { label, found, shape, angles, dqkv, inp, stats, partials, dqGain, dkGain } = args;
  const { batch, context, heads, headSize, keyValueHeads = heads } = shape;
  const blocks = gainBlocks(shape);
  const sums = dispatch(target, 'query_key_gains', {
    operands: { dqkv, inp },
    tensors: { angles, stats, partials },
    writes: ['partials'],
    uniforms: { rows: batch * context, context, heads, keyValueHeads, blocks },
    conditions: { rotate: angles !== undefined },
    constants: { HEAD4: headSize / 4 },
    grid: [Math.ceil((blocks * headSize) / 8 / 64), 2, 1],
    label: `${label} partial sums`,
  });
  const common = { partials, blocks, width: headSize, found, label };
  if (dqGain && dkGain) {
    return [sums, reducePartials(target, { ...common, first: 0, out: dqGain, bias: dkGain })];
  }
  if (dqGain) return [sums, reducePartials(target, { ...common, first: 0, out: dqGain })];
  return dkGain ? [sums, reducePartials(target, { ...common, first: blocks * headSize, out: dkGain })] : [];
}

function checkHead({ headSize }: AttentionShape): void {
  if (headSize % 8 === 0) return;
  throw new RangeError(
    `A head of ${headSize} numbers cannot be rotated or normalised: it must be a multiple of 8.`,
  );
}
