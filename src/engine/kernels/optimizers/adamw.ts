/** The kernels of AdamW and StableAdamW, and the rule that dispatches them. */
import { dispatch } from '../../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Operation, type Target } from '../../gpu/operation.ts';
import type { Operand } from '../../gpu/tensor.ts';
import { largestFinite } from '../../precision/formats.ts';
import type { MomentFormats } from '../../precision/optimStates.ts';
import { masterBindings, type UpdatedWeights } from './masterBindings.ts';
import { type KeptMoments, momentConditions, momentRates } from './rates.ts';
import type { OptimizerRule, Update, UpdatePart, UpdateSettings } from './rule.ts';

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
  readonly moments: KeptMoments;
  /** Whether gradients and moments are in units of the loss scale; see compound.ts. */
  readonly compound?: boolean;
  /** Records of all groups of the chunk, if moments are scaled by group. */
  readonly groups?: Operand | undefined;
  /** Element of the chunk at which the operands begin. */
  readonly first: number;
  readonly elements: number;
  readonly state: Operand;
}

/** Reference to the state of one parameter. */
export interface WholeParameter {
  readonly parameterStates: Operand;
  readonly index: number;
}

export interface AdamwArgs extends MomentArgs, AdamHyperparameters, UpdatedWeights {
  readonly rateFactor: number;
  /** Seed of the chunk's random bits. With equal seeds and equal numbers of applied steps, rounding is the same. */
  readonly seed: number;
  /** Number of leading elements that have weight decay. */
  readonly decayedElements: number;
  /** Present if the operands are one parameter, whose state {@link adamwPrepare} has computed. */
  readonly whole?: WholeParameter | undefined;
  readonly label: string;
}

function momentUniforms(args: MomentArgs & Omit<AdamHyperparameters, 'weightDecay'>) {
  const { first, epsilon, beta1, beta2, moments } = args;
  return {
    ...{ first: first / 4, ...momentRates(args, moments), epsilon },
    rootUnit: moments.hypot ? Math.sqrt(1 - beta2) / (1 - beta1) : undefined,
  };
}

/** One AdamW update. If moments are scaled by group, `elements` must be a multiple of 256. */
export function adamw(target: Target, args: AdamwArgs): Dispatch {
  const { gradient, m, v, groups, whole, state } = args;
  const vectors = args.elements / 4;
  const weights = masterBindings(args);
  return dispatch(target, 'adamw', {
    operands: { gradient, firstMoment: m, secondMoment: v, ...weights.operands },
    tensors: { state, groups, parameterStates: whole?.parameterStates, ...weights.tensors },
    writes: ['firstMoment', 'secondMoment', 'groups', ...weights.writes],
    uniforms: {
      vectors,
      decayed: args.decayedElements / 4,
      ...momentUniforms(args),
      weightDecay: args.weightDecay,
      rateFactor: args.rateFactor,
      seed: args.seed,
      parameter: whole?.index ?? 0,
    },
    conditions: {
      ...momentConditions(args.moments),
      ...weights.conditions,
      compoundScaling: args.compound === true,
      wholeParameter: whole !== undefined,
    },
    grid: linearGrid(vectors, 64),
    label: args.label,
  });
}

/** Words that are allocated for a `ParameterState` of shaders/lib/parameter_state.wgsl, as in all run files. */
export const PARAMETER_STATE_WORDS = 8;
/** Words from one `ParameterState` to the next, and the place of `rms` in it. */
const PARAMETER_STATE_STRIDE = 6;
const RMS_WORD = 1;
/** Most workgroups that read a part of a parameter before its update. */
const STATISTICS_GROUPS = 64;

/** Number of partial results, of four f32 each, that {@link adamwStatistics} stores for a part with this many elements. */
export function statisticsGroups(elements: number): number {
  return Math.min(STATISTICS_GROUPS, Math.ceil(elements / 256));
}

/** Computes partial results over one part of a parameter: the sum of its squared update, and the largest of its new moments. */
export function adamwStatistics(
  target: Target,
  args: MomentArgs &
    Omit<AdamHyperparameters, 'weightDecay'> & {
      whole: WholeParameter;
      partials: Operand;
      /** Index in `partials` at which the results of this part begin. */
      partial: number;
      label: string;
    },
): Dispatch {
  const { gradient, m, v, groups, whole, state, partials, partial, elements } = args;
  const count = statisticsGroups(elements);
  return dispatch(target, 'adamw_statistics', {
    operands: { gradient, firstMoment: m, secondMoment: v },
    tensors: { state, partials, parameterStates: whole.parameterStates, groups },
    writes: ['partials'],
    uniforms: {
      vectors: elements / 4,
      parameter: whole.index,
      groups: count,
      partial,
      ...momentUniforms(args),
    },
    conditions: { ...momentConditions(args.moments), compoundScaling: args.compound === true },
    grid: [count, 1, 1],
    label: args.label,
  });
}

/** Computes the state of a parameter from the partial results of all its parts: the update factor and the scales of its moments. */
export function adamwPrepare(args: {
  whole: WholeParameter;
  state: Operand;
  partials: Operand;
  /** Index in `partials` at which the parameter's results begin, and their number. */
  partial: number;
  count: number;
  /** Number of learned values of the parameter, over which the mean is taken. */
  size: number;
  /** Whether the update is clipped as in StableAdamW. */
  clipUpdate: boolean;
  /** Formats of the moments, if they are scaled by parameter. */
  scaled: Pick<MomentFormats, 'firstMoment' | 'secondMoment' | 'scaleKind'> | undefined;
  label: string;
}): Dispatch {
  const { whole, state, partials, partial, count, scaled } = args;
  return dispatch(null, 'adamw_prepare', {
    tensors: { partials, state, parameterStates: whole.parameterStates },
    writes: ['parameterStates'],
    uniforms: {
      parameter: whole.index,
      partial,
      count,
      clipUpdate: args.clipUpdate ? 1 : 0,
      inverseSize: 1 / args.size,
      limitM: scaled ? largestFinite(scaled.firstMoment) : 0,
      limitV: scaled ? largestFinite(scaled.secondMoment) : 0,
      powers: scaled?.scaleKind === 'f32' ? 0 : 1,
    },
    grid: [1, 1, 1],
    label: args.label,
  });
}

/** Tensors of {@link OptimizerRule.scratch}: the states of all parameters, which are saved, and partial results, which are not. */
const PARAMETER_STATES = 'parameter states';
const STATISTICS = 'parameter statistics';

/** @param clipUpdate whether each parameter's update is divided by its root mean square if that exceeds 1 (StableAdamW) */
export function adamwRule(clipUpdate: boolean): OptimizerRule {
  return {
    states: [
      { name: 'm', filePrefix: 'adam.m.', role: 'firstMoment' },
      { name: 'v', filePrefix: 'adam.v.', role: 'secondMoment' },
    ],
    takesWholeParameters: ({ scale }) => clipUpdate || scale === 'parameter',
    rms: { scratch: PARAMETER_STATES, record: PARAMETER_STATE_STRIDE, word: RMS_WORD },
    scratch: (parts) => [
      { name: PARAMETER_STATES, category: 'optimizer', elements: PARAMETER_STATE_WORDS },
      {
        name: STATISTICS,
        category: 'state',
        elements: 4 * parts.reduce((sum, { elements }) => sum + statisticsGroups(elements), 0),
      },
    ],
    update: (target, update, settings) =>
      update.scratch.has(PARAMETER_STATES)
        ? updateWhole(target, update, settings, clipUpdate)
        : update.parts.map((part) => adamw(target, argsOf(update, part, settings))),
  };
}

function argsOf({ label }: Update, { states, ...part }: UpdatePart, settings: UpdateSettings): AdamwArgs {
  return { label, ...part, m: states.m!, v: states.v!, ...settings };
}

/** Computes the parameter's state first, and then updates its parts. */
function updateWhole(
  target: Target,
  update: Update,
  settings: UpdateSettings,
  clipUpdate: boolean,
): Operation[] {
  const { label, parts, scratch, learned } = update;
  const states = scratch.get(PARAMETER_STATES)!;
  const whole: WholeParameter = {
    parameterStates: states.tensor,
    index: states.first / PARAMETER_STATE_WORDS,
  };
  const { tensor: partials, first } = scratch.get(STATISTICS)!;
  const operations: Operation[] = [];
  let partial = first / 4;
  for (const part of parts) {
    const args = argsOf(update, part, settings);
    operations.push(adamwStatistics(target, { ...args, whole, partials, partial }));
    partial += statisticsGroups(part.elements);
  }
  const { moments, state } = settings;
  return [
    ...operations,
    adamwPrepare({
      ...{ whole, state, partials, partial: first / 4, count: partial - first / 4 },
      ...{ size: learned, clipUpdate, label },
      scaled: moments.scale === 'parameter' ? moments : undefined,
    }),
    ...parts.map((part) => adamw(target, { ...argsOf(update, part, settings), whole })),
  ];
}
