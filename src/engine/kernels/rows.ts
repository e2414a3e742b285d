/** Kernels that work row by row: layer norm, bias gradients, cross entropy. */
import { dispatch } from '../gpu/dispatch.ts';
import { laneForm, treeForm } from '../gpu/lanes.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand, Tensor } from '../gpu/tensor.ts';

interface Common {
  readonly label: string;
  readonly found: Operand;
}

/** Conditions that select the kind of norm; undefined for layer norm. */
type NormConditions = Dispatch['variant']['conditions'];

/** out (rows, C) = norm of each row of inp (rows, C); stats (rows, 2) f32 = mean and 1 / standard deviation. */
export function layernormForward(
  target: Target,
  args: Common & {
    inp: Operand;
    weight: Operand;
    /** (C), if the norm has a bias. */
    bias?: Operand | undefined;
    conditions?: NormConditions;
    /** Added to the variance, or to the mean square. */
    epsilon: number;
    out: Operand;
    stats: Operand;
    rows: number;
    width: number;
  },
): Dispatch {
  const { inp, weight, bias, epsilon, out, stats, found, rows, width, label } = args;
  const form = laneForm(target);
  return dispatch(target, 'layernorm_forward', {
    operands: { inp, weight, bias, out },
    tensors: { stats },
    writes: ['out', 'stats'],
    found,
    uniforms: { rows, c4: width / 4, epsilon },
    conditions: { ...args.conditions, ...form.conditions, bias: bias !== undefined },
    constants: form.constants,
    grid: linearGrid(rows, 1),
    label,
  });
}

/** out (rows, C) = norm of inp with the statistics of the forward pass, with the same bits that the forward pass stored. */
export function layernormRecompute(
  target: Target,
  args: {
    label: string;
    inp: Operand;
    weight: Operand;
    bias?: Operand | undefined;
    stats: Operand;
    out: Operand;
    rows: number;
    width: number;
  },
): Dispatch {
  const { inp, weight, bias, stats, out, rows, width, label } = args;
  const vectors = (rows * width) / 4;
  return dispatch(target, 'layernorm_recompute', {
    operands: { inp, weight, bias, out },
    tensors: { stats },
    writes: ['out'],
    uniforms: { vectors, c4: width / 4 },
    conditions: { bias: bias !== undefined },
    grid: linearGrid(vectors, 64),
    label,
  });
}

/** dinp (rows, C) = or += gradient of the norm; `rounded` (rows, C) receives a copy of dinp in its own format. */
export function layernormBackward(
  target: Target,
  args: Common & {
    inp: Operand;
    dout: Operand;
    weight: Operand;
    conditions?: NormConditions;
    stats: Operand;
    dinp: Operand;
    rounded?: Operand | undefined;
    accumulate: boolean;
    rows: number;
    width: number;
  },
): Dispatch {
  const { inp, dout, weight, stats, dinp, rounded, accumulate, found, rows, width, label } = args;
  const form = laneForm(target);
  return dispatch(target, 'layernorm_backward', {
    operands: { inp, dout, weight, dinp, rounded },
    tensors: { stats },
    writes: ['dinp', 'rounded'],
    found,
    uniforms: { rows, c4: width / 4 },
    conditions: {
      ...args.conditions,
      ...form.conditions,
      accumulate,
      roundedCopy: rounded !== undefined,
    },
    constants: form.constants,
    grid: linearGrid(rows, 1),
    label,
  });
}

/** Number of blocks of rows into which column sums are split, so that narrow matrices still fill the GPU. */
export function rowBlocks(rows: number): number {
  return Math.min(128, Math.max(1, Math.ceil(rows / 32)));
}

/** dweight (C) += sum over rows of dout * normalised input, dbias (C) += sum over rows of dout; each only if it is given. */
export function layernormBackwardParameters(
  target: Target,
  args: Common & {
    inp: Operand;
    dout: Operand;
    stats: Operand;
    partials: Tensor;
    dweight?: Operand | undefined;
    dbias?: Operand | undefined;
    rows: number;
    width: number;
  },
): Dispatch[] {
  const { inp, dout, stats, partials, dweight, dbias, rows, width, label, found } = args;
  const blocks = rowBlocks(rows);
  const sums = dispatch(target, 'layernorm_backward_parameters', {
    operands: { inp, dout },
    tensors: { stats, partials },
    writes: ['partials'],
    uniforms: {
      ...{ rows, c4: width / 4, rowsPerBlock: Math.ceil(rows / blocks) },
      blocks: dbias && blocks,
    },
    conditions: { bias: dbias !== undefined },
    grid: [Math.ceil(width / 256), blocks, 1],
    label: `${label} partial sums`,
  });
  const reduced = { partials, blocks, width, found };
  if (dweight && dbias) {
    const pair = { first: 0, out: dweight, bias: dbias, label: `${label} gain and bias gradient` };
    return [sums, reducePartials(target, { ...reduced, ...pair })];
  }
  if (dweight) {
    return [
      sums,
      reducePartials(target, { ...reduced, first: 0, out: dweight, label: `${label}.weight gradient` }),
    ];
  }
  if (!dbias) return [sums];
  const alone = { first: blocks * width, out: dbias, label: `${label}.bias gradient` };
  return [sums, reducePartials(target, { ...reduced, ...alone })];
}

/** out (C) += column sums of inp (rows, C), or of inp * factor (rows, C). */
export function columnSum(
  target: Target,
  args: Common & {
    inp: Operand;
    factor?: Operand;
    partials: Tensor;
    out: Operand;
    rows: number;
    width: number;
  },
): Dispatch[] {
  const { inp, factor, partials, out, rows, width, found, label } = args;
  const blocks = rowBlocks(rows);
  const sums = dispatch(target, 'column_sum', {
    operands: { inp, factor },
    tensors: { partials },
    writes: ['partials'],
    uniforms: { rows, c4: width / 4, rowsPerBlock: Math.ceil(rows / blocks) },
    conditions: { product: factor !== undefined },
    grid: [Math.ceil(width / 256), blocks, 1],
    label: `${label} partial sums`,
  });
  return [sums, reducePartials(target, { partials, first: 0, out, blocks, width, found, label })];
}

/**
 * out (width) += sum over blocks of partials (blocks, width) f32, which begin at element `first`; bias (width) += that of as
 * many blocks behind them.
 */
export function reducePartials(
  target: Target,
  args: Common & {
    partials: Tensor;
    first: number;
    out: Operand;
    bias?: Operand;
    blocks: number;
    width: number;
  },
): Dispatch {
  const { partials, first, out, bias, found, blocks, width, label } = args;
  return dispatch(target, 'reduce_partials', {
    operands: { out, bias },
    tensors: { partials },
    writes: ['out', 'bias'],
    found,
    uniforms: { blocks, c4: width / 4, first: first / 4 },
    conditions: { pair: bias !== undefined },
    grid: [Math.ceil(width / 256), bias ? 2 : 1, 1],
    label,
  });
}

/** What the gradient of the logits is that of, besides the cross entropy. */
export interface LossOptions {
  /** z of z (log Z)^2, which is added to the loss of each token for its gradient alone; none if 0. */
  readonly zLoss: number;
  /** Cap of the logits, which the gradient goes through; none if 0. */
  readonly softCap: number;
}

/**
 * losses (rows) f32 = cross entropy of each row in nats; with `backward`, dlogits = (p - onehot) / lossTokens * loss scale, with
 * what {@link LossOptions} add. logits (rows, Vp) f32 and dlogits are stored as consecutive matrices (rows, up to
 * `sliceColumns`).
 */
export function crossEntropy(
  target: Target,
  args: Common & {
    logits: Operand;
    targets: Operand;
    losses: Operand;
    /** `lossTokens` is B * T * accumulation, since the mean is over all tokens of the step. */
    backward?: LossOptions & {
      dlogits: Operand;
      state: Operand;
      lossTokens: number;
      /** (rows) f32 that receives log Z of each row, with `zLoss` and only then. */
      logZ?: Operand | undefined;
    };
    rows: number;
    vocabulary: number;
    paddedVocabulary: number;
    sliceColumns: number;
  },
): Dispatch {
  const { logits, targets, losses, backward, found, rows, vocabulary, label } = args;
  const form = laneForm(target);
  return dispatch(target, 'cross_entropy', {
    operands: { dlogits: backward?.dlogits },
    tensors: { logits, targets, losses, state: backward?.state, logZ: backward?.logZ },
    writes: ['losses', 'dlogits', 'logZ'],
    found,
    uniforms: {
      rows,
      v4: args.paddedVocabulary / 4,
      slice4: args.sliceColumns / 4,
      vocabulary,
      inverseTokens: backward && 1 / backward.lossTokens,
      twiceZ: backward?.zLoss ? 2 * backward.zLoss : undefined,
      inverseCap: backward?.softCap ? 1 / backward.softCap : undefined,
    },
    conditions: {
      ...form.conditions,
      backward: backward !== undefined,
      zLoss: Boolean(backward?.zLoss),
      softCap: Boolean(backward?.softCap),
    },
    constants: form.constants,
    grid: linearGrid(rows, 1),
    label,
  });
}

/** Numbers per row in the output of {@link logitSharpness}. */
export const SHARPNESS_WIDTH = 4;

/** out (rows, 4) f32 = sharpness at epsilon and at 2 epsilon, largest |logit| and loss of each row; logits as for {@link crossEntropy}. */
export function logitSharpness(
  target: Target,
  args: {
    label: string;
    logits: Operand;
    targets: Operand;
    out: Operand;
    rows: number;
    vocabulary: number;
    paddedVocabulary: number;
    sliceColumns: number;
    epsilon: number;
  },
): Dispatch {
  const { label, logits, targets, out, rows, vocabulary, epsilon } = args;
  return dispatch(target, 'logit_sharpness', {
    tensors: { logits, targets, out },
    writes: ['out'],
    uniforms: { rows, v4: args.paddedVocabulary / 4, slice4: args.sliceColumns / 4, vocabulary, epsilon },
    ...laneForm(target),
    grid: linearGrid(rows, 1),
    label,
  });
}

/** Words of the sums of {@link lossSum}, which must be cleared before the first micro-batch of a step; see shaders/loss_sum.wgsl. */
export const LOSS_SUM_WORDS = 32;

/**
 * state.lossSum = the sum of losses / lossTokens over all micro-batches since `sums` was cleared, including this one. With `mean`
 * the same goes there: losses are then log Z of the rows.
 */
export function lossSum(
  args: {
    losses: Operand;
    sums: Operand;
    rows: number;
    lossTokens: number;
    /** Whether the sums are 64-bit integers; see shaders/fixed_loss_sum.wgsl. */
    fixed?: boolean;
  } & ({ state: Operand; mean?: undefined } | { mean: Operand; state?: undefined }),
): Dispatch {
  const { losses, sums, state, mean, rows, lossTokens } = args;
  const { conditions, constants } = treeForm(256);
  return dispatch(null, args.fixed ? 'fixed_loss_sum' : 'loss_sum', {
    tensors: { losses, sums, state, mean },
    writes: ['sums', 'state', 'mean'],
    uniforms: { rows, inverseTokens: 1 / lossTokens },
    conditions: { ...conditions, logZ: mean !== undefined },
    constants,
    grid: [1, 1, 1],
    label: mean ? 'log Z' : 'loss',
  });
}
