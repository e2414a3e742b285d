/** The op lists of a run: built once, replayed every step. */
import { microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { MODEL_KERNELS } from '../kernels/modelKernels.ts';
import { type Emitted, operationsOf } from './emission.ts';
import { optimizer } from './optimizer.ts';
import { Pass, type PassOptions } from './pass.ts';
import { forgetMagnitudes, nextScales, quantizeWeights } from './quantize.ts';
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

/** The operations of a pass, with what they store. */
export function buildPass(pass: Pass, target: Target): Emitted[] {
  return pass.build(target, MODEL_KERNELS);
}

/** A pass that changes no training state. Built by `use`. */
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

export function buildSchedule(target: Target, tensors: RunTensors, config: TrainConfig): Schedule {
  const { gradients, state, lossSums, scales, decoder, sampleRow } = tensors;
  const windows = microBatchOf(config);
  const reading = (use: (pass: Pass) => void, count = windows) =>
    operationsOf(readingPass(tensors, target, count, use));
  const evaluation = (sharpness?: Tensor) => reading((pass) => decoder.evaluate(pass, sharpness));
  return {
    begin: [
      ...gradients.map((target): Operation => ({ kind: 'clear', target })),
      { kind: 'clear', target: lossSums },
      ...(scales ? [forgetMagnitudes(scales)] : []),
    ],
    microBatch: operationsOf(buildPass(tensors.training, target)),
    calibration: scales?.history ? calibration(target, tensors, windows) : [],
    optimizer: [
      ...optimizer(target, tensors, config),
      ...quantizeWeights(target, tensors),
      ...(scales ? nextScales(scales, state) : []),
    ],
    evaluation: evaluation(),
    sharpness: tensors.sharpness ? evaluation(tensors.sharpness) : [],
    sampleForward: reading((pass) => decoder.hidden(pass), 1),
    sampleLogits: reading((pass) => decoder.head.sample(pass, sampleRow), 1),
  };
}

/**
 * For a pass that finds the first of the delayed scales: each tensor is stored at what it asks for itself and so did those
 * under its scale in the micro-batches before.
 */
function calibration(target: Target, tensors: RunTensors, windows: number): Operation[] {
  const options: PassOptions = { trains: true, windows, found: tensors.found, calibrates: true };
  const pass = new Pass(tensors, options);
  tensors.decoder.train(pass);
  return operationsOf(buildPass(pass, target));
}
