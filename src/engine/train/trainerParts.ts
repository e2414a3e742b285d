/** What a trainer is made of, compiled and allocated. */
import type { Arena } from '../arena.ts';
import type { Batch } from '../data/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import type { AdapterReport } from '../device.ts';
import type { RecordedKernels } from '../kernelChoice.ts';
import type { Operation, Target } from '../kernels/operation.ts';
import type { MemoryPlan } from '../memoryPlan.ts';
import type { Schedule } from '../model/schedule.ts';
import type { PipelineCache } from '../pipelines.ts';
import type { HalfStorage } from '../precision/formats.ts';
import type { Program } from '../program.ts';
import type { TrainConfig } from './config.ts';
import type { StartChecksums } from './start.ts';
import type { SubmitPace } from './submitPace.ts';

/** The compiled op lists of a run: one a list of `Schedule`. */
export type Programs = Readonly<Record<keyof Schedule, Program>>;

/** See the fields of `Trainer`. */
export interface TrainerParts {
  readonly createdAt: number;
  readonly config: TrainConfig;
  readonly dataset: Dataset;
  readonly report: AdapterReport;
  readonly plan: MemoryPlan;
  readonly half: HalfStorage;
  readonly kernels: RecordedKernels;
  readonly pace: SubmitPace;
  readonly device: GPUDevice;
  readonly arena: Arena;
  readonly programs: Programs;
  readonly microBatch: readonly Operation[];
  readonly pipelines: PipelineCache;
  readonly target: Target;
  /** Training micro-batch `index`, from 0. */
  readonly batches: (index: number) => Batch;
  readonly start: () => StartChecksums;
}
