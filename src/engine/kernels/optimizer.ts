/** Kernels at the end of a step that all optimizers share, and conversion to another format. */
import { dispatch } from '../gpu/dispatch.ts';
import { treeForm } from '../gpu/lanes.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';
import { type CompoundChunk, gradientLimit } from './optimizers/compound.ts';
import { momentConditions, momentRates } from './optimizers/rates.ts';

/** Number of partial sums that {@link gradientNorm} leaves for a chunk on software adapters, and on GPUs at least. */
export const NORM_PARTIALS = 256;
/** 2,048 workgroups of 64 lanes have 2 MiB of loads under way: about what the bandwidth of a large GPU times its latency asks for. */
const MAX_NORM_PARTIALS = 2048;
/** Of the workgroups that add up squares. */
const NORM_LANES = 64;
/** A lane adds up as many vectors before its chunk gets more workgroups. */
const VECTORS_PER_LANE = 16;

/** Partial sums of a chunk of `elements`: the most that any target leaves, or those of `target`. */
export function normPartials(elements: number, target?: Pick<Target, 'splitSums'>): number {
  if (target?.splitSums === false) return NORM_PARTIALS;
  const groups = Math.ceil(elements / 4 / (NORM_LANES * VECTORS_PER_LANE));
  return Math.min(MAX_NORM_PARTIALS, Math.max(NORM_PARTIALS, groups));
}

/**
 * Checks that a gradient chunk is finite, and stores sums of its squares in partials[first .. first + 256], f32. With `groups`
 * the gradient is a tensor's: so many sums are stored, and a sum of -1 marks what is not finite instead of the flag.
 * Halves are always read as words, so that the check reads the stored bits. With `compound`, checks too that the moments in units
 * of the loss scale stay in range, and will after the scale has doubled.
 */
export function gradientNorm(
  target: Target,
  args: {
    gradient: Operand;
    state: Operand;
    partials: Operand;
    found: Operand;
    elements: number;
    first: number;
    groups?: number;
    /** Whether elements that are not finite become zero instead. */
    zeroMask?: boolean;
    compound?: CompoundChunk | undefined;
  },
): Dispatch {
  const { gradient, state, partials, found, elements, first, compound, zeroMask = false } = args;
  const perTensor = args.groups !== undefined;
  const groups = args.groups ?? normPartials(elements, target);
  const { conditions, constants } = treeForm(NORM_LANES);
  return dispatch({ ...target, half: 'packed' }, 'gradient_norm', {
    operands: { gradient, firstMoment: compound?.m, secondMoment: compound?.v },
    tensors: { state, partials, momentsFull: compound?.momentsFull },
    writes: zeroMask ? ['gradient', 'partials', 'momentsFull'] : ['partials', 'momentsFull'],
    ...(!perTensor && { found }),
    uniforms: {
      ...{ vectors: elements / 4, groups, first },
      ...(compound && {
        limit: gradientLimit(compound.moments, compound),
        growthInterval: compound.growthInterval,
        ...momentRates(compound, compound.moments),
      }),
    },
    conditions: {
      ...conditions,
      ...{ perTensor, zeroMask },
      compoundScaling: compound !== undefined,
      ...(compound && momentConditions(compound.moments)),
    },
    constants,
    grid: [groups, 1, 1],
    label: 'parameter gradients',
  });
}

export interface StepDecideArgs {
  readonly partials: Operand;
  readonly schedule: Operand;
  readonly state: Operand;
  readonly found: Operand;
  readonly partialCount: number;
  readonly scheduleLength: number;
  readonly dynamicScale: boolean;
  readonly growthInterval: number;
  readonly clip: number;
  readonly floor: number;
  readonly ceiling: number;
  /** Whether `partials` has one sum for each tensor, -1 where its gradient is not finite. The step is skipped only if all are. */
  readonly perTensor?: boolean;
  /** Whether overflows are ignored, because gradients that are not finite were set to zero. */
  readonly zeroMask?: boolean;
  /** With compound scaling: the flag of {@link gradientNorm}. */
  readonly momentsFull?: Operand | undefined;
}

/** Decides whether the step is applied or skipped, and computes clip coefficient, learning rate and the next loss scale. */
export function stepDecide(args: StepDecideArgs): Dispatch {
  const { partials, schedule, state, found, partialCount, scheduleLength, growthInterval } = args;
  const { dynamicScale, clip, floor, ceiling, momentsFull, perTensor = false, zeroMask = false } = args;
  return dispatch(null, 'step_decide', {
    tensors: { partials, schedule, state, momentsFull },
    writes: ['state', 'momentsFull'],
    found,
    uniforms: {
      partials: partialCount,
      scheduleLength,
      dynamicScale: dynamicScale ? 1 : 0,
      growthInterval,
      clip,
      floor,
      ceiling,
    },
    conditions: { perTensor, zeroMask, compoundScaling: momentsFull !== undefined },
    grid: [1, 1, 1],
    label: 'gradient norm',
  });
}

/** average += (1 - decay) (weight - average) after an applied step. With `low`, `master` holds the upper halves of the weights. */
export function weightAverage(
  target: Target,
  args: {
    average: Operand;
    master: Operand;
    low?: Operand | undefined;
    state: Operand;
    elements: number;
    decay: number;
  },
): Dispatch {
  const { average, master, low, state, elements, decay } = args;
  const vectors = elements / 4;
  return dispatch(target, 'weight_average', {
    operands: { average, master },
    tensors: { state, low },
    writes: ['average'],
    uniforms: { vectors, oneMinusDecay: 1 - decay },
    conditions: { splitMaster: low !== undefined },
    grid: linearGrid(vectors, 64),
    label: 'averaged weights',
  });
}

/** out = inp in the format of out. With `low`, out receives the upper halves and `low` the lower halves of inp. */
export function convertFormat(
  target: Target,
  args: { inp: Operand; out: Operand; low?: Operand | undefined; elements: number; label: string },
): Dispatch {
  const { inp, out, low, elements, label } = args;
  const vectors = elements / 4;
  return dispatch(target, 'convert_format', {
    operands: { inp, out },
    scaled: { record: 'inp' },
    tensors: { low },
    writes: ['out', 'low'],
    uniforms: { vectors },
    conditions: { split: low !== undefined },
    grid: linearGrid(vectors, 64),
    label,
  });
}
