/** Forward passes between steps: loss and sharpness on validation windows. */

import { microBatchOf, type TrainConfig } from '../config/trainConfig.ts';
import { finite } from '../core/finite.ts';
import { type Batch, batchAt } from '../data/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import { type Arena, GPUBufferUsageFlags } from '../gpu/arena.ts';
import { byteLength, type Tensor } from '../gpu/tensor.ts';
import { type SharpnessMetrics, sharpnessOf } from '../inspect/sharpness.ts';
import { keepsNone } from '../model/keptWeights.ts';
import type { RunTensors } from '../model/tensors.ts';
import { microBatchesOf } from './microBatches.ts';
import type { Programs } from './phases.ts';
import { writeBatch } from './writeBatch.ts';

/** Seed of the validation windows, which are the same in every run. */
const EVALUATION_SEED = 0x5eed;
/** Upper limit in bytes of one readback, which is at least one micro-batch. */
const READ_BYTES = 4 * 2 ** 20;

type ForwardProgram = keyof Pick<
  Programs,
  'evaluation' | 'averagedEvaluation' | 'averageCopies' | 'weightCopies' | 'sharpness'
>;

/** Implements methods of `Trainer`, which document them. Training state is only read. */
export class Evaluation {
  readonly #device: GPUDevice;
  readonly #arena: Arena;
  readonly #tensors: RunTensors;
  readonly #config: TrainConfig;
  readonly #submit: (program: ForwardProgram) => void;
  /** Returns validation micro-batch `index`, from 0. */
  readonly #microBatch: (index: number) => Batch;

  constructor(
    parts: {
      device: GPUDevice;
      arena: Arena;
      plan: { readonly tensors: RunTensors };
      config: TrainConfig;
      dataset: Dataset;
    },
    submit: (program: ForwardProgram) => void,
  ) {
    const { config, dataset } = parts;
    this.#device = parts.device;
    this.#arena = parts.arena;
    this.#tensors = parts.plan.tensors;
    this.#config = config;
    this.#submit = submit;
    const options = { ...config, seed: EVALUATION_SEED };
    this.#microBatch = microBatchesOf((index) => batchAt(dataset.validation, index, options), config);
  }

  /**
   * Adds the losses of all rows in f64 in the order of the windows, so that the mean does not depend on the size of
   * micro-batches. One CPU-GPU sync for each 4 MiB of losses.
   * @throws RangeError for averages of a run that keeps none
   */
  async loss(weights: 'master' | 'average'): Promise<number | null> {
    if (weights === 'average' && this.#config.emaDecay === 0) throw new RangeError(keepsNone('average'));
    const program = weights === 'average' ? 'averagedEvaluation' : 'evaluation';
    const { losses } = this.#tensors;
    const passes = this.#passesPerBatch * this.#config.evalBatches;
    let sum = 0;
    await this.#forEachPass(program, passes, losses, (rows) => {
      for (const loss of rows) sum += loss;
    });
    return finite(sum / (passes * losses.elements));
  }

  /** @param output the tensor `sharpness` of the plan */
  async sharpness(step: number, output: Tensor): Promise<SharpnessMetrics> {
    const passes = this.#passesPerBatch;
    const rows = new Float32Array(passes * output.elements);
    await this.#forEachPass('sharpness', passes, output, (values, i) =>
      rows.set(values, i * output.elements),
    );
    return sharpnessOf(step, rows, this.#config.context);
  }

  get #passesPerBatch(): number {
    return this.#config.batch / microBatchOf(this.#config);
  }

  /** Runs `program` on the first `passes` validation micro-batches and reads `output` (f32) after each. */
  async #forEachPass(
    program: ForwardProgram,
    passes: number,
    output: Tensor,
    visit: (values: Float32Array, index: number) => void,
  ): Promise<void> {
    const bytes = byteLength(output);
    const perRead = Math.min(passes, Math.max(1, Math.floor(READ_BYTES / bytes)));
    const usage = GPUBufferUsageFlags.MAP_READ | GPUBufferUsageFlags.COPY_DST;
    const label = `read ${output.name}`;
    const staging = this.#device.createBuffer({ label, size: perRead * bytes, usage });
    try {
      for (let first = 0; first < passes; first += perRead) {
        const count = Math.min(perRead, passes - first);
        if (program === 'averagedEvaluation') this.#submit('averageCopies');
        for (let i = 0; i < count; i++) {
          writeBatch(this.#device, this.#arena, this.#tensors, this.#microBatch(first + i));
          this.#submit(program);
          const encoder = this.#device.createCommandEncoder({ label });
          encoder.copyBufferToBuffer(this.#arena.buffer(output), 0, staging, i * bytes, bytes);
          this.#device.queue.submit([encoder.finish()]);
        }
        // Nothing else can be submitted before, so that all others find the copies of the weights.
        if (program === 'averagedEvaluation') this.#submit('weightCopies');
        await staging.mapAsync(0x1);
        const mapped = staging.getMappedRange();
        for (let i = 0; i < count; i++) {
          visit(new Float32Array(mapped, i * bytes, output.elements), first + i);
        }
        staging.unmap();
      }
    } finally {
      staging.destroy();
    }
  }
}
