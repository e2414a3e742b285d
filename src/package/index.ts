/**
 * `halfstep`: what a program needs to train a GPT on a `GPUDevice`, in Node or a page. docs/package.md says what of it is
 * stable. Errors are `EngineError`, with a code, a message and what to do.
 */

// Its files.
export type { RunDescription, RunFile, RunProgress } from '../engine/index.ts';
// A device: `navigator.gpu` in a page, `loadDawn()` of `halfstep/node` in Node.
// What is trained, and in which numbers.
// On which text.
// Whether it fits.
// The run.
export {
  type AdapterReport,
  type CustomRecipe,
  checkConfig,
  configure,
  createDataset,
  createTrainer,
  type Dataset,
  defineMode,
  EngineError,
  type ErrorCode,
  type EvalMetrics,
  type FormatId,
  isPrecisionMode,
  type LargestBatch,
  largestBatch,
  loadGpt2,
  type MemoryBytes,
  type MemoryPlan,
  mebibytes,
  memoryPlan,
  type Overrides,
  openDevice,
  PRECISION_MODES,
  PRESET_NAMES,
  PRESETS,
  type PrecisionMode,
  type PresetName,
  planLimits,
  presetOf,
  type Recipe,
  type Role,
  RunControl,
  type RunEvents,
  type RunSummary,
  recipeOf,
  runTraining,
  type SampledToken,
  type SampleOptions,
  type ScalingPolicy,
  type StepMetrics,
  splitText,
  streamOf,
  type TextStream,
  type TokenizedText,
  type Tokenizer,
  type TokenizerChoice,
  type TokenizerJson,
  TooManySkipsError,
  type TrainConfig,
  type Trainer,
  type TrainerOptions,
  tokenize,
  tokensPerStep,
} from '../engine/index.ts';
export { exportModel, openRun, type ResumeOptions, resumeTrainer, saveRun } from './runs.ts';
