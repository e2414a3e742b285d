/**
 * The final states of a comparison's runs that trained one after the other: each leaves the GPU for the next. They are
 * Blobs, which browsers may keep on disk.
 */
import { createTrainer, type Dataset, type OpenGpu, type RunFile } from '../engine/index.ts';
import { copyOfRun } from './exporting.ts';
import type { ActiveRun } from './lanes.ts';

/** Most bytes of all of them. Where there are more, those of the runs that ended first are dropped. */
const MOST_BYTES = 2 ** 30;

/** Bytes of a parameter in most runs: its weight and two moments in f32. */
const STATE_BYTES = 12;

/** A run that has ended, and all that it takes to put it on the GPU again. */
export interface KeptRun {
  readonly ended: Omit<ActiveRun, 'trainer'>;
  readonly dataset: Dataset;
  readonly file: RunFile;
}

export class KeptRuns {
  #kept: readonly KeptRun[] = [];

  clear(): void {
    this.#kept = [];
  }

  get(run: number): KeptRun | null {
    return this.#kept.find(({ ended }) => ended.run === run) ?? null;
  }

  /** Copies the runs that have ended and are not kept yet. A copy that fails, as of a lost device, is left out. */
  async keep(active: readonly ActiveRun[], dataset: Dataset): Promise<void> {
    for (const { trainer, ...ended } of active) {
      if (!ended.planned.ended || this.get(ended.run)) continue;
      if (trainer.parameterCount * STATE_BYTES > MOST_BYTES) continue;
      const file = await copyOfRun({ trainer, text: ended.text, idle: true, saved: false }).catch(() => null);
      if (file) this.#add({ ended, dataset, file });
    }
  }

  #add(run: KeptRun): void {
    this.#kept = [...this.#kept, run];
    const bytes = () => this.#kept.reduce((sum, { file }) => sum + file.file.source.size, 0);
    while (bytes() > MOST_BYTES) this.#kept = this.#kept.slice(1);
  }
}

/** Puts a kept run on the GPU, with the weights and the state that it ended with. */
export async function restored({ ended, dataset, file }: KeptRun, gpu: OpenGpu): Promise<ActiveRun> {
  const trainer = await createTrainer(gpu.device, gpu.report, ended.config, dataset, { resume: file });
  return { ...ended, trainer };
}
