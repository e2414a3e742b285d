/**
 * `halfstep`: the functions for training a GPT on a `GPUDevice`, in Node or in a page. docs/package.md says which of
 * them are stable. Get a device from `openDevice(navigator.gpu)`, or in Node from `openDevice(await loadDawn())` with
 * `loadDawn` of `halfstep/node`. Errors are `EngineError`s with a code, a message and a hint.
 */

export type { RunDescription, RunFile, RunProgress } from '../engine/index.ts';
export {
  type AdapterReport,
  type CustomRecipe,
  type Dataset,
  type DescribedRole as Role,
  defineMode,
  EngineError,
  type ErrorCode,
  type EvalMetrics,
  type ExportFormat,
  type FormatId,
  type ForwardModel,
  type Generated,
  isPrecisionMode,
  type LargestBatch,
  loadGpt2,
  type MemoryBytes,
  type MemoryPlan,
  mebibytes,
  type Overrides,
  PRECISION_MODES,
  PRESET_NAMES,
  PRESETS,
  type PrecisionMode,
  type PresetName,
  presetOf,
  RunControl,
  type RunEvents,
  type RunSummary,
  type SampledToken,
  type SampleOptions,
  type ScalingPolicy,
  type Score,
  type StepMetrics,
  type TextStream,
  type TokenizedText,
  type Tokenizer,
  type TokenizerChoice,
  type TokenizerJson,
  TooManySkipsError,
  type TrainConfig,
  type Trainer,
  type TrainerOptions,
} from '../engine/index.ts';
export {
  checkConfig,
  configure,
  createDataset,
  createTrainer,
  largestBatch,
  memoryPlan,
  openDevice,
  openModelOfRun,
  planLimits,
  runTraining,
  splitText,
  streamOf,
  tokenize,
  tokensPerStep,
} from './checked.ts';
export {
  configOfModel,
  convertModel,
  type OpenedModel,
  type OpenModelOptions,
  openModelFiles,
  openModelOfFiles,
  weightsOfModel,
} from './models.ts';
export { type Recipe, recipeOf } from './recipes.ts';
export { exportModel, openRun, type ResumeOptions, resumeTrainer, saveRun } from './runs.ts';
