/**
 * `halfstep`: what a program needs to train a GPT on a `GPUDevice`, in Node or a page. docs/package.md says what of it is
 * stable. Errors are `EngineError`, with a code, a message and what to do.
 */

// Its files.
export type { RunDescription, RunFile, RunProgress } from '../engine/checkpoint/runFile.ts';
export { loadGpt2 } from '../engine/data/gpt2.ts';
// On which text.
export { streamOf } from '../engine/data/tokenize.ts';
export type { Tokenizer, TokenizerChoice, TokenizerJson } from '../engine/data/tokenizer.ts';
// A device: `navigator.gpu` in a page, `loadDawn()` of `halfstep/node` in Node.
// What is trained, and in which numbers.
// Whether it fits.
// The run.
export {
  type AdapterReport,
  checkConfig,
  configure,
  createDataset,
  createTrainer,
  type Dataset,
  EngineError,
  type ErrorCode,
  type EvalMetrics,
  isPrecisionMode,
  type LargestBatch,
  largestBatch,
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
  presetOf,
  RunControl,
  type RunEvents,
  type RunSummary,
  recipeOf,
  runTraining,
  type SampledToken,
  type SampleOptions,
  type StepMetrics,
  splitText,
  type TextStream,
  type TokenizedText,
  TooManySkipsError,
  type TrainConfig,
  type Trainer,
  type TrainerOptions,
  tokenize,
  tokensPerStep,
} from '../engine/index.ts';
export { planLimits } from '../engine/model/memoryPlan.ts';
export { type CustomRecipe, defineMode } from '../engine/precision/customModes.ts';
export type { FormatId } from '../engine/precision/formats.ts';
export type { Recipe, Role, ScalingPolicy } from '../engine/precision/recipes.ts';
export { exportModel, openRun, type ResumeOptions, resumeTrainer, saveRun } from './runs.ts';
