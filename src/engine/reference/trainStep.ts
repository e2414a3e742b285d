import type { GptConfig } from '../config/gptConfig.ts';
import { randomBits } from '../core/rng.ts';
import { layoutParameters } from '../model/chunks.ts';
import { parameterSpecs } from '../model/decoder.ts';
import { learnedElements, type ParameterSpec } from '../model/parameters.ts';
import { type RuleSettings, updateRules } from '../model/updateRules.ts';
import type { Recipe } from '../precision/recipes.ts';
import { adamw } from './adamw.ts';
import {
  exceedsLimit,
  type LossUnits,
  type ScaledParameter,
  toNextUnits,
  updateCompoundScaler,
} from './compound.ts';
import { allFinite, clipCoefficient, gradNorm } from './gradNorm.ts';
import { type Batch, modelForward, type Parameters, parameter, type ReferenceModel } from './model.ts';
import { modelBackward } from './modelBackward.ts';
import { storeMoment } from './moments.ts';
import { decodeBits, f32Bits, splitBits } from './rounding.ts';
import type { ScalerOptions, ScalerState } from './scaler.ts';
import { storeOf } from './store.ts';
import type { UpdateOracle, UpdateStorage } from './update.ts';

export interface TrainState {
  /** What the model reads. */
  readonly parameters: Parameters;
  /** What the optimizer updates: the same map, but for a split master, whose upper halves are the parameters. */
  readonly masters: Parameters;
  readonly firstMoment: Parameters;
  readonly secondMoment: Parameters;
  applied: number;
  skipped: number;
  scaler: ScalerState;
}

export interface StepOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly clip: number;
  readonly zLoss?: number;
  /** What updates each parameter; AdamW where left out. */
  readonly updateOf?: (spec: ParameterSpec) => UpdateOracle;
  /** StableAdamW's clip of each parameter's update. */
  readonly clipUpdate?: boolean;
  /** Parameters that are not trained, by name. */
  readonly frozen?: (name: string) => boolean;
  /** How each parameter is stored where that is more than its roles' formats: {@link storageOf}. */
  readonly storage?: (name: string) => UpdateStorage;
  /** Null for modes whose scale never changes. */
  readonly scaler: ScalerOptions | null;
  /** Compound loss scaling, which needs `storage` and `scaler`. */
  readonly compound?: boolean;
}

export interface StepResult {
  /** Mean over the micro-batches, not scaled. */
  readonly loss: number;
  /** Global norm of the unscaled gradients before the clip. */
  readonly gradNorm: number;
  readonly skipped: boolean;
  /** As stored: still multiplied by the loss scale of this step. Frozen parameters have none. */
  readonly gradients: Parameters;
}

/** A fresh state: parameters rounded to the master's format (copied), moments zero, `scale` 1 for modes without scaling. */
export function trainState(model: ReferenceModel, parameters: Parameters, scale = 1): TrainState {
  const store = storeOf(model.recipe, model);
  const mapped = (f: (values: Float64Array) => Float64Array): Parameters =>
    new Map([...parameters].map(([name, values]) => [name, f(values)]));
  const split = model.recipe.masterRounding === 'split';
  const masters = mapped((values) =>
    split ? Float64Array.from(values, Math.fround) : store('master', values.slice()),
  );
  return {
    parameters: split ? mapped(upperHalves) : masters,
    masters,
    firstMoment: mapped((values) => new Float64Array(values.length)),
    secondMoment: mapped((values) => new Float64Array(values.length)),
    applied: 0,
    skipped: 0,
    scaler: { scale, growthTracker: 0 },
  };
}

/** The nearest bf16 of each f32, ties away from zero. */
function upperHalves(values: Float64Array): Float64Array {
  return Float64Array.from(values, (x) => decodeBits('bf16', splitBits(f32Bits(x)).high));
}

/** How the GPU stores each parameter of a model whose chunks have room for all: the same random bits at the same places. */
export function storageOf(
  config: GptConfig,
  recipe: Recipe,
  run: RuleSettings & { readonly seed: number },
): (name: string) => UpdateStorage {
  const rules = updateRules(run, recipe);
  const { parameters } = layoutParameters(parameterSpecs(config), recipe, rules, 2 ** 40);
  const masterRounding = recipe.storage('master').rounding ?? 'nearest';
  const compensations = new Map<string, Float64Array>();
  const compensationOf = (name: string, elements: number): Float64Array => {
    const known = compensations.get(name) ?? new Float64Array(elements);
    compensations.set(name, known);
    return known;
  };
  return (name) => {
    const { parts, rule } = parameters.get(name)!;
    const [part] = parts;
    const bits = { seed: randomBits(part!.chunk, run.seed), first: part!.master.offset };
    const { moments } = rule!;
    return {
      ...{ moments, masterRounding, bits },
      ...(masterRounding === 'compensated' && {
        compensation: compensationOf(name, part!.master.elements),
      }),
    };
  };
}

/**
 * One optimizer step on the micro-batches of `batches`, in the project's order: accumulate, finite check and
 * unscaled norm, clip, update, scaler update. Changes `state`; a non-finite gradient skips the step, and then only the
 * scaler and the counter of skips move.
 */
export function trainStep(
  model: ReferenceModel,
  state: TrainState,
  batches: readonly Batch[],
  options: StepOptions,
): StepResult {
  const { scale } = state.scaler;
  let loss = 0;
  let all: Parameters = new Map();
  for (const batch of batches) {
    const saved = modelForward(model, state.parameters, batch);
    loss += saved.loss / batches.length;
    all = modelBackward(model, state.parameters, batch, saved, {
      lossScale: scale,
      ...(options.zLoss && { zLoss: options.zLoss }),
      accumulation: batches.length,
      into: all,
    });
  }
  const gradients: Parameters = new Map([...all].filter(([name]) => !options.frozen?.(name)));
  const norm = gradNorm(gradients.values(), 1 / scale);
  const scaled = options.compound ? scaledParameters(state, gradients, options) : [];
  const skipped =
    ![...gradients.values()].every(allFinite) || scaled.some((one) => exceedsLimit(one, options));
  const scaler =
    options.scaler && updateCompoundScaler(state.scaler, skipped, options.scaler, scaled, options);
  const units = options.compound && scaler ? { used: scale, next: scaler.scale } : undefined;
  if (skipped) {
    state.skipped++;
    if (units) rescale(state, gradients, units, options);
  } else {
    state.applied++;
    const gradFactor = clipCoefficient(norm, options.clip) / (units ? 1 : scale);
    const store = storeOf(model.recipe, model);
    const { updateOf = () => adamw } = options;
    for (const spec of parameterSpecs(model.config)) {
      const { name } = spec;
      if (options.frozen?.(name)) continue;
      const weight = parameter(state.masters, name);
      updateOf(spec)(
        weight,
        parameter(gradients, name),
        parameter(state.firstMoment, name),
        parameter(state.secondMoment, name),
        {
          ...options,
          learningRate: options.learningRate * spec.rateFactor,
          // Of which the update takes the product with the learning rate: a slower parameter decays as the others.
          weightDecay: spec.decays ? options.weightDecay / spec.rateFactor : 0,
          step: state.applied,
          gradFactor,
          clipUpdateOver: options.clipUpdate ? learnedElements(spec) : undefined,
          units,
        },
        store,
        options.storage?.(name),
      );
      if (state.masters !== state.parameters) parameter(state.parameters, name).set(upperHalves(weight));
    }
  }
  if (scaler) state.scaler = scaler;
  return { loss, gradNorm: norm, skipped, gradients };
}

function scaledParameters(
  state: TrainState,
  gradients: Parameters,
  { storage }: StepOptions,
): ScaledParameter[] {
  return [...gradients].map(([name, gradient]) => ({
    gradient,
    m: parameter(state.firstMoment, name),
    v: parameter(state.secondMoment, name),
    moments: storage!(name).moments,
  }));
}

/** The moments of a skipped step follow the loss scale. */
function rescale(state: TrainState, gradients: Parameters, units: LossUnits, { storage }: StepOptions): void {
  for (const name of gradients.keys()) {
    const { moments, bits } = storage!(name);
    const [m, v] = [parameter(state.firstMoment, name), parameter(state.secondMoment, name)];
    toNextUnits(m, v, units, moments);
    storeMoment(m, 'firstMoment', moments, state.applied, bits);
    storeMoment(v, 'secondMoment', moments, state.applied, bits);
  }
}
