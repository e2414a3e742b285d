/** The compiled and allocated parts of a trainer. */

import type { TrainConfig } from '../config/trainConfig.ts';
import type { Batch } from '../data/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Arena } from '../gpu/arena.ts';
import type { AdapterReport } from '../gpu/device.ts';
import type { Target } from '../gpu/operation.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import type { SubmitPace } from '../gpu/submitPace.ts';
import type { RecordedKernels } from '../kernels/kernelChoice.ts';
import type { MemoryPlan } from '../model/memoryPlan.ts';
import type { HalfStorage } from '../precision/formats.ts';
import type { Phase } from './phases.ts';
import type { StartChecksums } from './start.ts';

/** The fields of `Trainer` document these. */
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
  readonly phases: readonly Phase[];
  readonly pipelines: PipelineCache;
  readonly target: Target;
  /** Returns training micro-batch `index`, from 0. */
  readonly batches: (index: number) => Batch;
  readonly start: () => StartChecksums;
}
