/** Kernels that work row by row: layer norm, bias gradients, embeddings, cross entropy. */
import {
  type Dispatch,
  f32,
  groupedBy,
  linearGrid,
  SITE,
  slotsOf,
  type Target,
  u32,
} from '../gpu/operation.ts';
import type { Operand, Tensor } from '../gpu/tensor.ts';

interface Common {
  readonly label: string;
  readonly found: Operand;
}

/** (rows, C) = LayerNorm of (rows, C); stats (rows, 2) f32. */
export function layernormForward(
  target: Target,
  args: Common & {
    inp: Operand;
    weight: Operand;
    bias: Operand;
    out: Operand;
    stats: Operand;
    rows: number;
    width: number;
  },
): Dispatch {
  const { inp, weight, bias, out, stats, found, rows, width, label } = args;
  const grouped = groupedBy(inp);
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'layernorm_forward',
      slots: slotsOf(target, { inp, weight, out }),
      conditions: { subgroups: target.subgroups, ...grouped.conditions },
      constants: { LANES: target.lanes },
    },
    bindings: { inp, weight, bias, out, stats, found, ...grouped.bindings },
    params: [u32(rows), u32(width / 4), SITE],
    grid: linearGrid(rows, 1),
    label,
  };
}

/** out (rows, C) = layer norm of inp with the statistics of the forward pass: the bits that it had written there. */
export function layernormRecompute(
  target: Target,
  args: {
    label: string;
    inp: Operand;
    weight: Operand;
    bias: Operand;
    stats: Operand;
    out: Operand;
    rows: number;
    width: number;
  },
): Dispatch {
  const { inp, weight, bias, stats, out, rows, width, label } = args;
  const grouped = groupedBy(inp);
  const vectors = (rows * width) / 4;
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'layernorm_recompute',
      slots: slotsOf(target, { inp, weight, out }),
      conditions: grouped.conditions,
      constants: {},
    },
    bindings: { inp, weight, bias, stats, out, ...grouped.bindings },
    params: [u32(vectors), u32(width / 4)],
    grid: linearGrid(vectors, 64),
    label,
  };
}

/** dinp (+)= gradient of layer norm; `rounded` receives a copy of dinp in its own format. */
export function layernormBackward(
  target: Target,
  args: Common & {
    inp: Operand;
    dout: Operand;
    weight: Operand;
    stats: Operand;
    dinp: Operand;
    rounded?: Operand | undefined;
    accumulate: boolean;
    rows: number;
    width: number;
  },
): Dispatch {
  const { inp, dout, weight, stats, dinp, rounded, found, rows, width, label } = args;
  const grouped = groupedBy(inp);
  const copy = rounded && { rounded };
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'layernorm_backward',
      slots: slotsOf(target, { inp, dout, weight, dinp, ...copy }),
      conditions: {
        subgroups: target.subgroups,
        accumulate: args.accumulate,
        roundedCopy: rounded !== undefined,
        ...grouped.conditions,
      },
      constants: { LANES: target.lanes },
    },
    bindings: { inp, dout, weight, stats, dinp, ...copy, found, ...grouped.bindings },
    params: [u32(rows), u32(width / 4), SITE],
    grid: linearGrid(rows, 1),
    label,
  };
}

/** Blocks of rows that column sums are split into, so that narrow matrices still fill the GPU. */
export function rowBlocks(rows: number): number {
  return Math.min(128, Math.max(1, Math.ceil(rows / 32)));
}

/** dweight += sum over rows of dout * normalised, dbias += sum over rows of dout. */
export function layernormBackwardParameters(
  target: Target,
  args: Common & {
    inp: Operand;
    dout: Operand;
    stats: Operand;
    partials: Tensor;
    dweight: Operand;
    dbias: Operand;
    rows: number;
    width: number;
  },
): Dispatch[] {
  const { inp, dout, stats, partials, rows, width, label, found } = args;
  const grouped = groupedBy(inp);
  const blocks = rowBlocks(rows);
  const sums: Dispatch = {
    kind: 'dispatch',
    variant: {
      kernel: 'layernorm_backward_parameters',
      slots: slotsOf(target, { inp, dout }),
      conditions: grouped.conditions,
      constants: {},
    },
    bindings: { inp, dout, stats, partials, ...grouped.bindings },
    params: [u32(rows), u32(width / 4), u32(Math.ceil(rows / blocks)), u32(blocks)],
    grid: [Math.ceil(width / 256), blocks, 1],
    label: `${label} partial sums`,
  };
  return [
    sums,
    reducePartials(target, {
      partials,
      first: 0,
      out: args.dweight,
      blocks,
      width,
      found,
      label: `${label}.weight gradient`,
    }),
    reducePartials(target, {
      partials,
      first: blocks * width,
      out: args.dbias,
      blocks,
      width,
      found,
      label: `${label}.bias gradient`,
    }),
  ];
}

/** out (C) += column sums of inp (rows, C). */
export function columnSum(
  target: Target,
  args: Common & { inp: Operand; partials: Tensor; out: Operand; rows: number; width: number },
): Dispatch[] {
  const { inp, partials, out, rows, width, found, label } = args;
  const blocks = rowBlocks(rows);
  return [
    {
      kind: 'dispatch',
      variant: { kernel: 'column_sum', slots: slotsOf(target, { inp }), conditions: {}, constants: {} },
      bindings: { inp, partials },
      params: [u32(rows), u32(width / 4), u32(Math.ceil(rows / blocks))],
      grid: [Math.ceil(width / 256), blocks, 1],
      label: `${label} partial sums`,
    },
    reducePartials(target, { partials, first: 0, out, blocks, width, found, label }),
  ];
}

/** out (width) += sum over blocks of partials (blocks, width), from element `first` on. */
export function reducePartials(
  target: Target,
  args: Common & { partials: Tensor; first: number; out: Operand; blocks: number; width: number },
): Dispatch {
  const { partials, out, found, blocks, width, label } = args;
  return {
    kind: 'dispatch',
    variant: { kernel: 'reduce_partials', slots: slotsOf(target, { out }), conditions: {}, constants: {} },
    bindings: { partials, out, found },
    params: [u32(blocks), u32(width / 4), u32(args.first / 4), SITE],
    grid: [Math.ceil(width / 256), 1, 1],
    label,
  };
}

/** out (B*T, C) = token embedding + position embedding, of the tokens whose rows are in `tokenWeight`. */
export function embeddingForward(
  target: Target,
  args: Common & {
    tokens: Operand;
    /** (tokenRows, C), the embedding from row `firstToken` on. */
    tokenWeight: Operand;
    firstToken: number;
    tokenRows: number;
    positionWeight: Operand;
    out: Operand;
    rows: number;
    context: number;
    width: number;
  },
): Dispatch {
  const { tokens, tokenWeight, positionWeight, out, found, rows, context, width, label } = args;
  const vectors = (rows * width) / 4;
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'embedding_forward',
      slots: slotsOf(target, { weight: tokenWeight, out }),
      conditions: {},
      constants: {},
    },
    bindings: { tokens, tokenWeight, positionWeight, out, found },
    params: [u32(vectors), u32(width / 4), u32(context), u32(args.firstToken), u32(args.tokenRows), SITE],
    grid: linearGrid(vectors, 64),
    label,
  };
}

/** dweight (tokens, C), from row `firstToken` on, += rows of dout sorted by token (CSR: starts, positions). */
export function embeddingBackwardToken(
  target: Target,
  args: Common & {
    starts: Operand;
    positions: Operand;
    dout: Operand;
    dweight: Operand;
    firstToken: number;
    tokens: number;
    width: number;
  },
): Dispatch {
  const { starts, positions, dout, dweight, found, tokens, width, label } = args;
  const vectors = (tokens * width) / 4;
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'embedding_backward_token',
      slots: slotsOf(target, { dout, gradient: dweight }),
      conditions: {},
      constants: {},
    },
    bindings: { starts, positions, dout, dweight, found },
    params: [u32(vectors), u32(width / 4), u32(args.firstToken), SITE],
    grid: linearGrid(vectors, 64),
    label,
  };
}

/** dweight (T, C) += dout (B, T, C) summed over the batch. */
export function embeddingBackwardPosition(
  target: Target,
  args: Common & { dout: Operand; dweight: Operand; batch: number; context: number; width: number },
): Dispatch {
  const { dout, dweight, found, batch, context, width, label } = args;
  const vectors = (context * width) / 4;
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'embedding_backward_position',
      slots: slotsOf(target, { dout, gradient: dweight }),
      conditions: {},
      constants: {},
    },
    bindings: { dout, dweight, found },
    params: [u32(vectors), u32(batch), SITE],
    grid: linearGrid(vectors, 64),
    label,
  };
}

/**
 * Loss of each row; with `dlogits` also (p - onehot) / lossTokens * loss scale. logits (rows, Vp) f32 and dlogits as one
 * matrix (rows, up to `sliceColumns`) after the other.
 */
export function crossEntropy(
  target: Target,
  args: Common & {
    logits: Operand;
    targets: Operand;
    losses: Operand;
    /** `lossTokens`: B * T * accumulation, since the mean is over all tokens of the step. */
    backward?: { dlogits: Operand; state: Operand; lossTokens: number };
    rows: number;
    vocabulary: number;
    paddedVocabulary: number;
    sliceColumns: number;
  },
): Dispatch {
  const { logits, targets, losses, backward, found, rows, label } = args;
  const operands = backward && { dlogits: backward.dlogits, state: backward.state };
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'cross_entropy',
      slots: backward ? slotsOf(target, { dlogits: backward.dlogits }) : {},
      conditions: { subgroups: target.subgroups, backward: backward !== undefined },
      constants: { LANES: target.lanes },
    },
    bindings: { logits, targets, losses, ...operands, found },
    params: [
      u32(rows),
      u32(args.paddedVocabulary / 4),
      u32(args.sliceColumns / 4),
      u32(args.vocabulary),
      SITE,
      ...(backward ? [f32(1 / backward.lossTokens)] : []),
    ],
    grid: linearGrid(rows, 1),
    label,
  };
}

/** Numbers a row in what {@link logitSharpness} writes. */
export const SHARPNESS_WIDTH = 4;

/** out (rows, 4) f32 = sharpness at epsilon and at 2 epsilon, largest |logit| and loss of each row; logits as {@link crossEntropy} reads them. */
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
  const { label, logits, targets, out, rows } = args;
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'logit_sharpness',
      slots: {},
      conditions: { subgroups: target.subgroups },
      constants: { LANES: target.lanes },
    },
    bindings: { logits, targets, out },
    params: [
      u32(rows),
      u32(args.paddedVocabulary / 4),
      u32(args.sliceColumns / 4),
      u32(args.vocabulary),
      f32(args.epsilon),
    ],
    grid: linearGrid(rows, 1),
    label,
  };
}

/** Words of what {@link lossSum} sums up in, cleared before the first micro-batch of a step; see shaders/loss_sum.wgsl. */
export const LOSS_SUM_WORDS = 32;

/** state.lossSum = the sum of losses / lossTokens over the micro-batches since `sums` was cleared, this one included. */
export function lossSum(args: {
  losses: Operand;
  sums: Operand;
  state: Operand;
  rows: number;
  lossTokens: number;
}): Dispatch {
  const { losses, sums, state } = args;
  return {
    kind: 'dispatch',
    variant: { kernel: 'loss_sum', slots: {}, conditions: {}, constants: {} },
    bindings: { losses, sums, state },
    params: [u32(args.rows), f32(1 / args.lossTokens)],
    grid: [1, 1, 1],
    label: 'loss',
  };
}
