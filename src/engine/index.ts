/** The public face of the engine: what the session, the command line and tests build on. */

export { type BenchmarkResult, benchmark } from './bench/adapter.ts';
export { configure, type Overrides } from './config/configure.ts';
export { PRESET_NAMES, PRESETS, type PresetName, presetOf } from './config/presets.ts';
export { checkConfig, type TrainConfig, tokensPerStep } from './config/trainConfig.ts';
export { EngineError, type ErrorCode } from './core/errors.ts';
export { mebibytes } from './core/mebibytes.ts';
export type { MemoryBytes } from './core/memoryCategories.ts';
export { batchAt } from './data/batches.ts';
export { createDataset, type Dataset, splitText } from './data/dataset.ts';
export { type TextStream, type TokenizedText, tokenize } from './data/tokenize.ts';
export { type ConfirmedBatch, confirmBatch } from './experiments/confirmBatch.ts';
export { type AdapterReport, openDevice, reportOf } from './gpu/device.ts';
export { deviceLost } from './gpu/faults.ts';
export { type LargestBatch, largestBatch } from './model/largestBatch.ts';
export { type MemoryPlan, memoryPlan } from './model/memoryPlan.ts';
export { isPrecisionMode, PRECISION_MODES, type PrecisionMode, recipeOf } from './precision/recipes.ts';
export { createTrainer, type TrainerOptions } from './train/createTrainer.ts';
export { type Lane, runLockstep } from './train/lockstep.ts';
export type { EvalMetrics, RunSummary, StepMetrics } from './train/metrics.ts';
export { RunControl, runTraining } from './train/run.ts';
export { type SampledToken, type SampleOptions, sampleSteps } from './train/sampler.ts';
export type { StartChecksums } from './train/start.ts';
export { type RunEvents, TooManySkipsError } from './train/steppedRun.ts';
export type { Trainer } from './train/trainer.ts';
export type { Trouble } from './train/trouble.ts';
