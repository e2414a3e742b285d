import type { Dataset, DeviceAccess, RunFile } from '../engine/index.ts';
import { notOnGpu } from './exporting.ts';
import { KeptRuns, restored } from './keptRuns.ts';
import type { ActiveRun } from './lanes.ts';
import type { TextSource } from './protocol.ts';

/** The runs that are on the GPU: one or, in lockstep, those of a seed. What was kept of others can return to it. */
export class GpuRuns {
  readonly #gpu: DeviceAccess;
  readonly #kept = new KeptRuns();
  #active: ActiveRun[] = [];
  /** The error that removed the trained models from the GPU; null where there was none. */
  #gone: unknown = null;

  constructor(gpu: DeviceAccess) {
    this.#gpu = gpu;
  }

  get active(): readonly ActiveRun[] {
    return this.#active;
  }

  add(run: ActiveRun): void {
    this.#active.push(run);
  }

  release(): void {
    for (const { trainer } of this.#active) trainer.destroy();
    this.#active = [];
    this.#gone = null;
  }

  /** Keeps the final states of the runs that have ended, which are about to leave the GPU. */
  keep(dataset: Dataset): Promise<void> {
    return this.#kept.keep(this.#active, dataset);
  }

  /** Called before other runs are trained. */
  clear(): void {
    this.release();
    this.#kept.clear();
  }

  /** Called when the device is lost, and their buffers with it, while nothing trains. */
  lost(cause: unknown): void {
    if (this.#active.length > 0) this.#gone = cause;
    this.#active = [];
  }

  /** @throws the error that removed them from the GPU */
  models(): readonly ActiveRun[] {
    if (this.#gone) throw this.#gone;
    return this.#active;
  }

  /**
   * The run to sample or inspect, which returns to the GPU in place of the others if it has left it; all that are there
   * for no run.
   * @param busy whether a run is training, so that none can return
   * @throws SessionError NOT_ON_GPU, or the error that removed it
   */
  async writers(run: number | undefined, busy: boolean): Promise<readonly ActiveRun[]> {
    if (run === undefined) return this.models();
    if (!this.#active.some((active) => active.run === run)) {
      const kept = this.#kept.get(run);
      if (!kept || busy) throw this.#gone ?? notOnGpu();
      const gpu = await this.#gpu.open();
      this.release();
      this.#active = [await restored(kept, gpu)];
    }
    return this.#active.filter((active) => active.run === run);
  }

  /** The final state and the text of a run that has left the GPU; null where they were not kept. */
  left(run: number): { readonly file: RunFile; readonly text: TextSource } | null {
    const kept = this.#kept.get(run);
    return kept && { file: kept.file, text: kept.ended.text };
  }
}
