import type { MasterRounding } from '../precision/recipes.ts';
import type { Operand } from '../tensor.ts';
import { type Dispatch, f32, linearGrid, SITE, slotsOf, type Target, u32 } from './operation.ts';

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

export interface AdamwArgs {
  readonly gradient: Operand;
  readonly master: Operand;
  readonly m: Operand;
  readonly v: Operand;
  readonly compute?: Operand | undefined;
  /** Lower halves of a split master. */
  readonly low?: Operand | undefined;
  readonly masterRounding: MasterRounding;
  /** Of this chunk's random bits: equal seeds round alike at equal applied steps. */
  readonly seed: number;
  readonly state: Operand;
  readonly elements: number;
  /** The first elements, which have weight decay. */
  readonly decayedElements: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly label: string;
}

export function adamw(target: Target, args: AdamwArgs): Dispatch {
  const { gradient, master, m, v, compute, low, state, beta1, beta2 } = args;
  const copy = compute && { compute };
  const lower = low && { low };
  return {
    kind: 'dispatch',
    variant: {
      kernel: 'adamw',
      slots: slotsOf(target, { gradient, master, m, v, ...copy }),
      conditions: {
        computeCopy: compute !== undefined,
        splitMaster: low !== undefined,
        stochasticMaster: args.masterRounding === 'stochastic',
      },
      constants: {},
    },
    bindings: { gradient, master, m, v, ...copy, ...lower, state },
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
    ],
    grid: linearGrid(args.elements / 4, 64),
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
