import type { GptConfig } from '../model/config.ts';
import { parameterSpecs } from '../model/parameters.ts';
import { adamw } from './adamw.ts';
import { allFinite, clipCoefficient, gradNorm } from './gradNorm.ts';
import { type Batch, modelForward, type Parameters, parameter, type ReferenceModel } from './model.ts';
import { modelBackward } from './modelBackward.ts';
import { type ScalerOptions, type ScalerState, updateScaler } from './scaler.ts';
import { storeOf } from './store.ts';

export interface TrainState {
  readonly parameters: Parameters;
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
  /** Null for modes whose scale never changes. */
  readonly scaler: ScalerOptions | null;
}

export interface StepResult {
  /** Mean over the micro-batches, not scaled. */
  readonly loss: number;
  /** Global norm of the unscaled gradients before the clip. */
  readonly gradNorm: number;
  readonly skipped: boolean;
  /** As stored: still multiplied by the loss scale of this step. */
  readonly gradients: Parameters;
}

/** A fresh state: parameters rounded to the master's format (copied), moments zero, `scale` 1 for modes without scaling. */
export function trainState(model: ReferenceModel, parameters: Parameters, scale = 1): TrainState {
  const store = storeOf(model.recipe, model);
  const mapped = (f: (values: Float64Array) => Float64Array): Parameters =>
    new Map([...parameters].map(([name, values]) => [name, f(values)]));
  return {
    parameters: mapped((values) => store('master', values.slice())),
    firstMoment: mapped((values) => new Float64Array(values.length)),
    secondMoment: mapped((values) => new Float64Array(values.length)),
    applied: 0,
    skipped: 0,
    scaler: { scale, growthTracker: 0 },
  };
}

/** Names of the tensors that weight decay applies to. */
function decaying(config: GptConfig): ReadonlySet<string> {
  return new Set(
    parameterSpecs(config)
      .filter((spec) => spec.decays)
      .map((spec) => spec.name),
  );
}

/**
 * One optimizer step on the micro-batches of `batches`, in the project's order: accumulate, finite check and
 * unscaled norm, clip, AdamW, scaler update. Changes `state`; a non-finite gradient skips the step, and then only the
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
  let gradients: Parameters = new Map();
  for (const batch of batches) {
    const saved = modelForward(model, state.parameters, batch);
    loss += saved.loss / batches.length;
    gradients = modelBackward(model, state.parameters, batch, saved, {
      lossScale: scale,
      accumulation: batches.length,
      into: gradients,
    });
  }
  const norm = gradNorm(gradients.values(), 1 / scale);
  const skipped = ![...gradients.values()].every(allFinite);
  if (skipped) {
    state.skipped++;
  } else {
    state.applied++;
    const gradFactor = clipCoefficient(norm, options.clip) / scale;
    const decays = decaying(model.config);
    const store = storeOf(model.recipe, model);
    for (const [name, weight] of state.parameters) {
      adamw(
        weight,
        parameter(gradients, name),
        parameter(state.firstMoment, name),
        parameter(state.secondMoment, name),
        {
          ...options,
          weightDecay: decays.has(name) ? options.weightDecay : 0,
          step: state.applied,
          gradFactor,
        },
        store,
      );
    }
  }
  if (options.scaler) state.scaler = updateScaler(state.scaler, skipped, options.scaler);
  return { loss, gradNorm: norm, skipped, gradients };
}
