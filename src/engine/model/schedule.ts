/** The operation lists of a run, built once and replayed every step. */
import { microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { MODEL_KERNELS } from '../kernels/modelKernels.ts';
import { type Emitted, operationsOf } from './emission.ts';
import { keptParameters, keptWeights, weightCopies } from './keptWeights.ts';
import { forgetNoise } from './levels.ts';
import { optimizer } from './optimizer.ts';
import { Pass } from './pass.ts';
import type { PassOptions } from './passOptions.ts';
import { forgetMagnitudes, nextScales, quantizeWeights } from './quantize.ts';
import type { RunTensors } from './tensors.ts';

export interface Schedule {
  /** Clears gradients and loss, once before the micro-batches of a step. */
  readonly begin: readonly Operation[];
  readonly microBatch: readonly Operation[];
  /**
   * Runs a micro-batch of step 1 ahead of the step, to find the initial delayed scales. `begin` clears everything else that it
   * leaves behind. Empty without delayed scaling.
   */
  readonly calibration: readonly Operation[];
  readonly optimizer: readonly Operation[];
  /** Stores the loss of each row of a micro-batch in `losses`. It only reads weights and training state. */
  readonly evaluation: readonly Operation[];
  /** The same with averaged weights, after `averageCopies`; empty in runs that keep no averages. */
  readonly averagedEvaluation: readonly Operation[];
  /**
   * Make the copies that matmuls read from the averages, from the best weights, or from the weights again. Empty in runs that
   * keep no such weights.
   */
  readonly averageCopies: readonly Operation[];
  readonly bestCopies: readonly Operation[];
  readonly weightCopies: readonly Operation[];
  /** Before the first step of a run's last ones, where these differ: makes the copies that their matmuls read. Empty elsewhere. */
  readonly enter: readonly Operation[];
  /** Like `evaluation`, and stores the sharpness of each row; empty if sharpness is not measured. */
  readonly sharpness: readonly Operation[];
}

/** Makes the operations of a pass, with the named tensors that they store. */
export function buildPass(pass: Pass, target: Target): Emitted[] {
  return pass.build(target, MODEL_KERNELS);
}

/** Makes the operations of a pass that changes no training state. @param use builds the pass */
export function readingPass(
  tensors: RunTensors,
  target: Target,
  windows: number,
  use: (pass: Pass) => void,
): Emitted[] {
  const pass = new Pass(tensors, { trains: false, windows, found: tensors.evalFound });
  use(pass);
  return buildPass(pass, target);
}

/** @param isLater whether the steps follow others with other tensors */
export function buildSchedule(
  target: Target,
  tensors: RunTensors,
  config: TrainConfig,
  isLater = false,
): Schedule {
  const { gradients, state, lossSums, logZ, scales, decoder } = tensors;
  const windows = microBatchOf(config);
  const evaluation = (sharpness?: Tensor) =>
    operationsOf(readingPass(tensors, target, windows, (pass) => decoder.evaluate(pass, sharpness)));
  return {
    begin: [
      ...gradients.map((target): Operation => ({ kind: 'clear', target })),
      { kind: 'clear', target: lossSums },
      ...(logZ ? [{ kind: 'clear', target: logZ.sums } as const] : []),
      ...(scales ? [forgetMagnitudes(scales)] : []),
      ...forgetNoise(tensors.levels, 'activation'),
    ],
    microBatch: operationsOf(buildPass(tensors.training, target)),
    calibration: scales?.history ? calibration(target, tensors, windows) : [],
    optimizer: [
      ...optimizer(target, tensors, config),
      ...quantizeWeights(target, tensors),
      ...(scales ? nextScales(scales, state) : []),
    ],
    evaluation: evaluation(),
    averagedEvaluation: config.emaDecay > 0 ? averagedEvaluation(target, tensors, config) : [],
    averageCopies: config.emaDecay > 0 ? weightCopies(target, tensors, 'average') : [],
    bestCopies: config.keepBest ? weightCopies(target, tensors, 'best') : [],
    weightCopies: keptWeights(config).length > 0 ? weightCopies(target, tensors, 'master') : [],
    enter: isLater ? weightCopies(target, tensors, 'master') : [],
    sharpness: tensors.sharpness ? evaluation(tensors.sharpness) : [],
  };
}

function averagedEvaluation(target: Target, tensors: RunTensors, config: TrainConfig): Operation[] {
  const averaged = { ...tensors, parameters: keptParameters(tensors, 'average') };
  const { decoder } = tensors;
  return operationsOf(readingPass(averaged, target, microBatchOf(config), (pass) => decoder.evaluate(pass)));
}

/**
 * The operations of a pass that finds the initial delayed scales: each tensor is stored with a current scale, which keeps the
 * largest magnitude of this and the earlier micro-batches of the step in range.
 */
function calibration(target: Target, tensors: RunTensors, windows: number): Operation[] {
  const options: PassOptions = { trains: true, windows, found: tensors.found, calibrates: true };
  const pass = new Pass(tensors, options);
  tensors.decoder.train(pass);
  return operationsOf(buildPass(pass, target));
}
