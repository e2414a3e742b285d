/** The op lists of a run: built once, replayed every step. */

import type { Operation, Target } from '../kernels/operation.ts';
import { adamw, gradientNorm, NORM_PARTIALS, stepDecide } from '../kernels/optimizer.ts';
import { SCALE_CEILING, SCALE_FLOOR } from '../precision/recipes.ts';
import { randomBits } from '../rng.ts';
import { slice, type Tensor } from '../tensor.ts';
import { scalingOf, type TrainConfig, tokensPerStep } from '../train/config.ts';
import { LOSS_SUM_OFFSET } from '../train/stepState.ts';
import { backward } from './backward.ts';
import { forward } from './forward.ts';
import { lmHead, sampledLogits } from './lmHead.ts';
import { forgetMagnitudes, nextScales, quantizeWeights } from './scales.ts';
import type { RunTensors } from './tensors.ts';

export interface Schedule {
  /** Zero gradients and loss: once before the micro-batches of a step. */
  readonly begin: readonly Operation[];
  readonly microBatch: readonly Operation[];
  readonly optimizer: readonly Operation[];
  /** Loss of one batch into `evalState`; weights and the training state are only read. */
  readonly evaluation: readonly Operation[];
  /** As `evaluation`, and the sharpness of each row; empty where it is not measured. */
  readonly sharpness: readonly Operation[];
  /** Final layer norm of one sequence; then, after the sampled row is copied to `sampleRow`, its logits. */
  readonly sampleForward: readonly Operation[];
  readonly sampleLogits: readonly Operation[];
}

/** A training micro-batch in its parts, in the order in which they run. */
export function microBatchPhases(
  target: Target,
  tensors: RunTensors,
  config: TrainConfig,
): Record<'forward' | 'lmHead' | 'backward', readonly Operation[]> {
  const { state, found } = tensors;
  const lossTokens = tokensPerStep(config);
  return {
    forward: forward(target, tensors, config.batch, found),
    lmHead: lmHead(target, tensors, { backward: true, lossTokens, state, found }),
    backward: backward(target, tensors, config.batch),
  };
}

export function buildSchedule(target: Target, tensors: RunTensors, config: TrainConfig): Schedule {
  const { chunks, state, evalState, found, evalFound, quantized } = tensors;
  const scaling = scalingOf(config, tensors.recipe);
  const evaluation = (sharpness?: Tensor): Operation[] => [
    ...forward(target, tensors, config.batch, evalFound),
    ...lmHead(target, tensors, {
      backward: false,
      lossTokens: config.batch * config.context,
      state: evalState,
      found: evalFound,
      ...(sharpness && { sharpness }),
    }),
  ];
  return {
    begin: [
      ...chunks.map(({ gradient }): Operation => ({ kind: 'clear', target: gradient })),
      { kind: 'clear', target: slice(state, LOSS_SUM_OFFSET / 4, 1) },
      ...(quantized ? [forgetMagnitudes(quantized)] : []),
    ],
    microBatch: Object.values(microBatchPhases(target, tensors, config)).flat(),
    optimizer: [
      ...chunks.map(({ gradient, elements }, index) =>
        gradientNorm(target, {
          gradient,
          state,
          partials: tensors.normPartials,
          found,
          elements,
          first: index * NORM_PARTIALS,
        }),
      ),
      stepDecide({
        partials: tensors.normPartials,
        schedule: tensors.schedule,
        state,
        found,
        partialCount: chunks.length * NORM_PARTIALS,
        scheduleLength: Math.max(1, config.steps),
        dynamicScale: scaling.kind === 'dynamic',
        growthInterval: scaling.kind === 'dynamic' ? scaling.growthInterval : 1,
        clip: config.clip,
        floor: SCALE_FLOOR,
        ceiling: SCALE_CEILING,
      }),
      ...chunks.map((chunk, index) =>
        adamw(target, {
          label: chunk.master.name,
          gradient: chunk.gradient,
          master: chunk.master,
          m: chunk.firstMoment,
          v: chunk.secondMoment,
          compute: chunk.compute,
          low: chunk.low,
          masterRounding: tensors.recipe.masterRounding,
          seed: randomBits(index, config.seed),
          state,
          elements: chunk.elements,
          decayedElements: chunk.decayedElements,
          beta1: config.beta1,
          beta2: config.beta2,
          epsilon: config.epsilon,
          weightDecay: config.weightDecay,
        }),
      ),
      ...quantizeWeights(target, tensors),
      ...(quantized ? nextScales(quantized, state) : []),
    ],
    evaluation: evaluation(),
    sharpness: tensors.sharpness ? evaluation(tensors.sharpness) : [],
    sampleForward: forward(target, tensors, 1, evalFound),
    sampleLogits: sampledLogits(target, tensors),
  };
}
