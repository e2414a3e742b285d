/** Follows the lowest validation loss of a run, and keeps the weights that had it. */
import type { TrainConfig } from '../config/trainConfig.ts';
import { type Arena, copyTensor } from '../gpu/arena.ts';
import {
  type BestSoFar,
  bestWords,
  endsEarly,
  NOT_EVALUATED,
  readBest,
  withEvaluation,
} from '../model/best.ts';
import type { RunTensors } from '../model/tensors.ts';

interface Parts {
  readonly device: GPUDevice;
  readonly arena: Arena;
  readonly config: TrainConfig;
  readonly plan: { readonly tensors: Pick<RunTensors, 'chunks' | 'bestState'> };
}

export class BestWeights {
  readonly #parts: Parts;
  #best = NOT_EVALUATED;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get best(): BestSoFar {
    return this.#best;
  }

  /** Whether the run has ended because its validation loss no longer falls. */
  get hasEnded(): boolean {
    return endsEarly(this.#parts.config, this.#best);
  }

  /** Whether an evaluation after this step would count: it counts once, and not at all where nothing depends on it. */
  counts(step: number): boolean {
    return this.#parts.plan.tensors.bestState !== null && step > this.#best.evaluatedAt;
  }

  /**
   * Counts an evaluation after all submitted steps. Queues writes and copies; no CPU-GPU sync.
   * @param valLoss in nats; null when it is not finite
   */
  record(step: number, valLoss: number | null): void {
    const { device, arena, plan } = this.#parts;
    const { bestState, chunks } = plan.tensors;
    if (!bestState || !this.counts(step)) return;
    this.#best = withEvaluation(this.#best, step, valLoss);
    device.queue.writeBuffer(arena.buffer(bestState), 0, bestWords(this.#best));
    if (this.#best.lowest?.step !== step) return;
    for (const { master, low, best, bestLow } of chunks) {
      if (best) copyTensor(device, arena, master, best);
      if (low && bestLow) copyTensor(device, arena, low, bestLow);
    }
  }

  /** Takes over what was restored on the GPU. One CPU-GPU sync. @param read reads a tensor */
  async restored(
    read: (tensor: NonNullable<RunTensors['bestState']>) => Promise<ArrayBuffer>,
  ): Promise<void> {
    const { bestState } = this.#parts.plan.tensors;
    if (bestState) this.#best = readBest(await read(bestState));
  }
}
