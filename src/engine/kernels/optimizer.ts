import { type Dispatch, f32, linearGrid, SITE, slotsOf, type Target, u32 } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';
import { largestFinite } from '../precision/formats.ts';
import type { MomentFormats } from '../precision/optimStates.ts';
import type { MasterRounding } from '../precision/recipes.ts';

/** Partial sums a chunk of gradients leaves for step_decide; fixed in gradient_norm.wgsl. */
export const NORM_PARTIALS = 256;

/**
 * Finite check and sums of squares of one gradient chunk, into partials[first .. first + 256].
 * Halves are always read as words, so that the check sees the bits as stored.
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
  },
): Dispatch {
  const { gradient, state, partials, found } = args;
  const slots = slotsOf({ ...target, half: 'packed' }, { gradient });
  return {
    kind: 'dispatch',
    variant: { kernel: 'gradient_norm', slots, conditions: {}, constants: {} },
    bindings: { gradient, state, partials, found },
    params: [u32(args.elements / 4), u32(args.first), SITE],
    grid: [NORM_PARTIALS, 1, 1],
    label: 'parameter gradients',
  };
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
}

/** Apply or skip, clip, learning rate, next loss scale. */
export function stepDecide(args: StepDecideArgs): Dispatch {
  const { partials, schedule, state, found } = args;
  return {
    kind: 'dispatch',
    variant: { kernel: 'step_decide', slots: {}, conditions: {}, constants: {} },
    bindings: { partials, schedule, state, found },
    params: [
      u32(args.partialCount),
      u32(args.scheduleLength),
      u32(args.dynamicScale ? 1 : 0),
      u32(args.growthInterval),
      f32(args.clip),
      f32(args.floor),
      f32(args.ceiling),
      SITE,
    ],
    grid: [1, 1, 1],
    label: 'gradient norm',
  };
}

export interface AdamHyperparameters {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

interface MomentArgs {
  readonly gradient: Operand;
  readonly m: Operand;
  readonly v: Operand;
  readonly moments: Pick<MomentFormats, 'rounding' | 'scale'>;
  /** Records of all groups of the chunk, where moments are scaled by group. */
  readonly groups?: Operand | undefined;
  /** Element of the chunk where the operands begin. */
  readonly first: number;
  readonly elements: number;
  readonly state: Operand;
}

/** One parameter's place in `parameterStates`. */
export interface WholeParameter {
  readonly parameterStates: Operand;
  readonly index: number;
}

export interface AdamwArgs extends MomentArgs, AdamHyperparameters {
  readonly master: Operand;
  readonly compute?: Operand | undefined;
  /** Lower halves of a split master. */
  readonly low?: Operand | undefined;
  readonly masterRounding: MasterRounding;
  /** Of the chunk's random bits: equal seeds round alike at equal applied steps. */
  readonly seed: number;
  /** The first elements, which have weight decay. */
  readonly decayedElements: number;
  /** Where the operands are one parameter, prepared by {@link adamwPrepare}. */
  readonly whole?: WholeParameter | undefined;
  readonly label: string;
}

function momentConditions({ rounding, scale }: MomentArgs['moments']): Record<string, boolean> {
  return {
    stochasticMoments: rounding === 'stochastic',
    scaledMoments: scale === 'parameter',
    groupedMoments: scale === 'group',
  };
}

/** With moments scaled by group, `elements` is a multiple of 256. */
export function adamw(target: Target, args: AdamwArgs): Dispatch {
  const { gradient, master, m, v, compute, low, groups, whole, state, beta1, beta2 } = args;
  const copy = compute && { compute };
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'adamw',
      slots: slotsOf(target, { gradient, master, m, v, ...copy }),
      conditions: {
        ...momentConditions(args.moments),
        computeCopy: compute !== undefined,
        splitMaster: low !== undefined,
        stochasticMaster: args.masterRounding === 'stochastic',
        wholeParameter: whole !== undefined,
      },
      constants: {},
    },
    bindings: {
      ...{ gradient, master, firstMoment: m, secondMoment: v, ...copy, state },
      ...(low && { low }),
      ...(groups && { groups }),
      ...(whole && { parameterStates: whole.parameterStates }),
    },
    params: [
      u32(args.elements / 4),
      u32(args.decayedElements / 4),
      f32(beta1),
      f32(1 - beta1),
      f32(beta2),
      f32(1 - beta2),
      f32(args.epsilon),
      f32(args.weightDecay),
      u32(args.seed),
      u32(args.first / 4),
      u32(whole?.index ?? 0),
    ],
    grid: linearGrid(args.elements / 4, 64),
    label: args.label,
  };
}

/** Words of a `ParameterState` in shaders/lib/parameter_state.wgsl. */
export const PARAMETER_STATE_WORDS = 8;
/** At most so many workgroups read a part of a parameter before the update. */
const STATISTICS_GROUPS = 64;

/** Partial sums, of four f32 each, that {@link adamwStatistics} leaves for a part of so many elements. */
export function statisticsGroups(elements: number): number {
  return Math.min(STATISTICS_GROUPS, Math.ceil(elements / 256));
}

/** Partial sums over one part of a parameter: of its squared update, and the largest of its new moments. */
export function adamwStatistics(
  target: Target,
  args: MomentArgs &
    Omit<AdamHyperparameters, 'weightDecay'> & {
      whole: WholeParameter;
      partials: Operand;
      /** Of partials, where this part begins. */
      partial: number;
      label: string;
    },
): Dispatch {
  const { gradient, m, v, groups, whole, state, partials, elements, beta1, beta2 } = args;
  const count = statisticsGroups(elements);
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'adamw_statistics',
      slots: slotsOf(target, { gradient, m, v }),
      conditions: momentConditions(args.moments),
      constants: {},
    },
    bindings: {
      ...{ gradient, firstMoment: m, secondMoment: v, state, partials },
      parameterStates: whole.parameterStates,
      ...(groups && { groups }),
    },
    params: [
      u32(elements / 4),
      u32(args.first / 4),
      u32(whole.index),
      u32(count),
      u32(args.partial),
      f32(beta1),
      f32(1 - beta1),
      f32(beta2),
      f32(1 - beta2),
      f32(args.epsilon),
    ],
    grid: [count, 1, 1],
    label: args.label,
  };
}

/** From the partial sums of all parts of a parameter to its state: the factor of its update and the scales of its moments. */
export function adamwPrepare(args: {
  whole: WholeParameter;
  state: Operand;
  partials: Operand;
  /** Where the parameter's partial sums begin, and how many they are. */
  partial: number;
  count: number;
  /** Learned values of the parameter, which the mean is over. */
  size: number;
  /** StableAdamW's clip of the update. */
  clipUpdate: boolean;
  /** Formats of moments that are scaled by parameter. */
  scaled: Pick<MomentFormats, 'firstMoment' | 'secondMoment'> | undefined;
  label: string;
}): Dispatch {
  const { whole, state, partials, scaled } = args;
  return {
    kind: 'dispatch',
    variant: { kernel: 'adamw_prepare', slots: {}, conditions: {}, constants: {} },
    bindings: { partials, state, parameterStates: whole.parameterStates },
    params: [
      u32(whole.index),
      u32(args.partial),
      u32(args.count),
      u32(args.clipUpdate ? 1 : 0),
      f32(1 / args.size),
      f32(scaled ? largestFinite(scaled.firstMoment) : 0),
      f32(scaled ? largestFinite(scaled.secondMoment) : 0),
    ],
    grid: [1, 1, 1],
    label: args.label,
  };
}

/** out = inp in the format of out; with `low` its upper half, and the lower there. */
export function convertFormat(
  target: Target,
  args: { inp: Operand; out: Operand; low?: Operand | undefined; elements: number; label: string },
): Dispatch {
  const { inp, out, low, elements, label } = args;
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'convert_format',
      slots: slotsOf(target, { inp, out }),
      conditions: { split: low !== undefined },
      constants: {},
    },
    bindings: { inp, out, ...(low && { low }) },
    params: [u32(elements / 4)],
    grid: linearGrid(elements / 4, 64),
    label,
  };
}
