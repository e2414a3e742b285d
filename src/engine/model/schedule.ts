/** The op lists of a run: built once, replayed every step. */

import { microBatchOf, type TrainConfig, tokensPerStep } from '../config/trainConfig.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { backward } from './backward.ts';
import { forward } from './forward.ts';
import { lmHead, sampledLogits } from './lmHead.ts';
import { optimizer } from './optimizer.ts';
import { calibrating, forgetMagnitudes, nextScales, quantizeWeights } from './scales.ts';
import type { RunTensors } from './tensors.ts';

export interface Schedule {
  /** Zero gradients and loss: once before the micro-batches of a step. */
  readonly begin: readonly Operation[];
  readonly microBatch: readonly Operation[];
  /**
   * A micro-batch of step 1 before the step, where scales are delayed, to find those that it begins with; else empty. What it
   * leaves behind but for them, `begin` clears.
   */
  readonly calibration: readonly Operation[];
  readonly optimizer: readonly Operation[];
  /** Loss of each row of a micro-batch into `losses`; weights and the training state are only read. */
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
  const windows = microBatchOf(config);
  return {
    forward: forward(target, tensors, windows, found),
    lmHead: lmHead(target, tensors, { backward: { lossTokens, state }, found }),
    backward: backward(target, tensors, windows),
  };
}

export function buildSchedule(target: Target, tensors: RunTensors, config: TrainConfig): Schedule {
  const { chunks, state, lossSums, evalFound, quantized } = tensors;
  const evaluation = (sharpness?: Tensor): Operation[] => [
    ...forward(target, tensors, microBatchOf(config), evalFound),
    ...lmHead(target, tensors, { found: evalFound, ...(sharpness && { sharpness }) }),
  ];
  const microBatch = (of: RunTensors): Operation[] =>
    Object.values(microBatchPhases(target, of, config)).flat();
  return {
    begin: [
      ...chunks.map(({ gradient }): Operation => ({ kind: 'clear', target: gradient })),
      { kind: 'clear', target: lossSums },
      ...(quantized ? [forgetMagnitudes(quantized)] : []),
    ],
    microBatch: microBatch(tensors),
    calibration: quantized?.history ? microBatch(calibrating(tensors)) : [],
    optimizer: [
      ...optimizer(target, tensors, config),
      ...quantizeWeights(target, tensors),
      ...(quantized ? nextScales(quantized, state) : []),
    ],
    evaluation: evaluation(),
    sharpness: tensors.sharpness ? evaluation(tensors.sharpness) : [],
    sampleForward: forward(target, tensors, 1, evalFound),
    sampleLogits: sampledLogits(target, tensors),
  };
}
