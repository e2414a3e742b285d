/** The public interface of the engine. Code outside the engine, except tests, imports everything from here. */

// core/: Errors with a hint, and number formats.

export { badValue, checkObject, checkOptions, inWords, type OptionType } from './core/checkOptions.ts';
export { EngineError, type ErrorCode, suggestion } from './core/errors.ts';
export {
  formatCount,
  formatLoss,
  formatMiB,
  formatPercent,
  formatPowerOfTwo,
  formatTokensPerSecond,
} from './core/format.ts';
export { mebibytes } from './core/mebibytes.ts';
export { MEMORY_CATEGORIES, type MemoryBytes, type MemoryCategory } from './core/memoryCategories.ts';
export { HALFSTEP_VERSION } from './core/version.ts';
export { writtenNumber } from './core/writtenNumber.ts';

// precision/: Number formats, the recipes of the precision modes, and optimizer states.

export { type CustomRecipe, defineMode } from './precision/customModes.ts';
export { type DescribedRole, describeRecipe, type ModeDescription } from './precision/description.ts';
export { type FormatId, formatInfo, type HalfStorage, type NamedFormat } from './precision/formats.ts';
export {
  goesWithState,
  OPTIM_STATE_TABLE,
  OPTIM_STATES,
} from './precision/optimStates.ts';
export { formatsOf, gradientFormat, storesHalves } from './precision/recipe.ts';
export {
  isPrecisionMode,
  MODE_FAMILIES,
  type ModeFamily,
  PRECISION_MODES,
  type PrecisionMode,
  REFERENCE_MODE,
  type Recipe,
  recipeFor,
  recipeOf,
  type ScalingPolicy,
} from './precision/recipes.ts';
export { sharesScales } from './precision/rowScales.ts';
export {
  DEFAULT_ROUNDING,
  isSimulatedFormat,
  isSimulatedMode,
  type Rounding,
  SIMULATED_BITS,
  type SimulatedBits,
  type SimulatedMode,
  simulatedBits,
  simulatedMode,
} from './precision/simulated.ts';

// gpu/: Open a device, and reopen one after a loss.

export { type AdapterReport, openDevice, reportOf } from './gpu/device.ts';
export { DeviceAccess, isLost, type OpenGpu } from './gpu/deviceAccess.ts';
export type { Target } from './gpu/operation.ts';
export { NOT_USED, SUBGROUP_MATRIX } from './gpu/subgroupMatrix.ts';
export { byteLength } from './gpu/tensor.ts';

// kernels/: The bins of the exponent histogram, the families of kernels, and the optimizers.

export { ATTENTION_TITLES, MATMUL_TITLES } from './kernels/kernelOption.ts';
export { EXPONENT_BIAS, NON_FINITE_BIN, ZERO_BIN } from './kernels/numerics.ts';
export { OPTIMIZER_TABLE, OPTIMIZERS } from './kernels/optimizers/table.ts';

// data/: Texts, tokenizers and batches: everything from bytes to the dataset of a trainer.

export { type Batch, batchAt } from './data/batches.ts';
export {
  BUILTIN_TEXTS,
  builtinStream,
  builtinText,
  DEFAULT_TEXT,
  type FileTextId,
  TEXT_IDS,
  type TextId,
} from './data/builtins.ts';
export { Checksum } from './data/checksum.ts';
export {
  changedTokens,
  createDataset,
  type Dataset,
  type DatasetOptions,
  splitText,
} from './data/dataset.ts';
export { GPT2_END, GPT2_END_ID, loadGpt2 } from './data/gpt2.ts';
export {
  streamOf,
  type TextStream,
  type TokenizedText,
  type TokenizeOptions,
  type TokenizeProgress,
  tokenize,
} from './data/tokenize.ts';
export {
  choiceOf,
  choiceOfModel,
  createTokenizer,
  endsText,
  loadTokenizer,
  mostTokens,
  type Tokenizer,
  type TokenizerChoice,
  type TokenizerJson,
  tokenizerOfModel,
  tokensIn,
} from './data/tokenizer.ts';
export { readTokenizerJson } from './data/tokenizerJson.ts';
export { checkTextSize, emptyText, Utf8Reader } from './data/utf8.ts';
export { MAX_LEARNED_BYTES } from './data/wordPieces.ts';

// config/: Settings of a run: presets, overrides, and the range of each setting.

export { configure, type Overrides } from './config/configure.ts';
export { filledIn } from './config/filledIn.ts';
export {
  type GptConfig,
  hasFreeContext,
  isModelKind,
  modelKinds,
  otherKinds,
  usualHeads,
  VOCABULARY_PADDING,
} from './config/gptConfig.ts';
export { DEFAULT_PRESET, isPresetOpen, openPreset, presetBegun } from './config/openPreset.ts';
export { PRESET_NAMES, PRESETS, type Preset, type PresetName, presetOf } from './config/presets.ts';
export type { SettingGroup } from './config/settings/row.ts';
export { isTaken, withoutUnused } from './config/settings/rules.ts';
export { schemaOf } from './config/settings/schema.ts';
export {
  currentFields,
  FIELDS,
  type Field,
  fieldOfOption,
  type NumberField,
  type OptionOf,
  optionNames,
  rowOf,
  SETTING_GROUPS,
  type WrittenValue,
} from './config/settings/table.ts';
export {
  checkSetting,
  readSetting,
  shortened,
  thereIsNo,
  unknownSetting,
  writeSetting,
} from './config/settings/values.ts';
export {
  checkConfig,
  gptConfig,
  microBatchOf,
  rangeOf,
  scalingOf,
  type TrainConfig,
  tokensPerStep,
} from './config/trainConfig.ts';

// model/: The memory plan of a run, and the largest batch that fits.

export { parameterCount, parameterSpecs } from './model/decoder.ts';
export { keptWeights, type WeightsOfRun } from './model/keptWeights.ts';
export {
  type DeeperLevel,
  deeperLevelFor,
  fittingMicroBatch,
  type LargestBatch,
  largestBatch,
} from './model/largestBatch.ts';
export { type MemoryPlan, memoryEstimate, memoryPlan, planLimits } from './model/memoryPlan.ts';
export type { NumericsRow } from './model/numericsRows.ts';
export { initialValues } from './model/parameters.ts';
export { blockName } from './model/site.ts';
export type { PlanLimits } from './model/tensors.ts';

// inspect/: Results of probing a run's numbers (`trainer.numerics`), and what a format would lose of them.

export {
  type Bands,
  bandsOf,
  bestScale,
  flushedGradients,
  flushedShare,
  frameLosses,
  isScaledOperand,
  type Losses,
  largestExponent,
  lossesAt,
  nonZero,
  rowsWithoutGradient,
  subnormalShare,
  tensorsWithoutGradient,
  WHAT_IF_SCALES,
  zeroShare,
} from './inspect/bands.ts';
export {
  type NumericsFrame,
  rowCounts,
  type UpdateNumbers,
} from './inspect/frame.ts';
export type { LongRunTelemetry } from './inspect/longRun.ts';
export type { InspectedKind } from './inspect/probePrograms.ts';
export type { SharpnessMetrics } from './inspect/sharpness.ts';
export { columnsOf, type NumberColumn, STORE_NUMBERS, UPDATE_NUMBERS } from './inspect/tensorNumbers.ts';

// checkpoint/: Save and open runs; read and write the files of Hugging Face's libraries.

export { BlobParts, blobOf } from './checkpoint/blobParts.ts';
export { chosenFiles, filesBeside, isModel } from './checkpoint/chosenFiles.ts';
export { EXPORT_FORMATS, type ExportFormat, isGgufFormat } from './checkpoint/exportFormats.ts';
export { exportedFamily, FAMILIES } from './checkpoint/families.ts';
export { ggufFamily } from './checkpoint/ggufFile.ts';
export { checkModelConfig } from './checkpoint/modelConfig.ts';
export {
  checkVocabulary,
  type ModelFile,
  openModel,
  readModel,
  type WeightsShape,
} from './checkpoint/modelFile.ts';
export { type FileToWrite, modelFolder, modelFolderOfRun, textFile } from './checkpoint/modelFolder.ts';
export {
  completeModel,
  configOfModel,
  type InitialModel,
  overridesOfModel,
  settingsOfModel,
  tokenizerOfFiles,
} from './checkpoint/modelSettings.ts';
export { isRun, openRun, writerOf } from './checkpoint/openRun.ts';
export { blobSource, piecesOf, type RandomAccess } from './checkpoint/randomAccess.ts';
export { changesEffect, changesText, type RunChange, runChanges } from './checkpoint/runChanges.ts';
export {
  checkFingerprint,
  checkText,
  describeRun,
  isComplete,
  type RunDescription,
  type RunFile,
  type RunProgress,
  writeRun,
} from './checkpoint/runFile.ts';
export { isShardIndex, shardCount, shardNames } from './checkpoint/shards.ts';
export { type Snapshot, Snapshots } from './checkpoint/snapshot.ts';

// train/: Create or resume a trainer, train, evaluate, sample, take snapshots, and recover from a lost device.

export { createTrainer, type TrainerOptions } from './train/createTrainer.ts';
export { NEVER, type Reported } from './train/due.ts';
export {
  type ForwardModel,
  type ForwardModelOptions,
  openForwardModel,
  openModelOfRun,
} from './train/forwardModel.ts';
export { type Lane, runLockstep } from './train/lockstep.ts';
export { learningRateAt } from './train/lrSchedule.ts';
export {
  type EvalMetrics,
  lowestWeights,
  type RunSummary,
  type StepMetrics,
  WARM_UP_STEPS,
} from './train/metrics.ts';
export { cardFacts, readParameters } from './train/readWeights.ts';
export { Recovery } from './train/recovery.ts';
export { RefusedMemoryError } from './train/refusedMemory.ts';
export { KEEP_EVERY_MS, ResumableRun, type ResumableRunEvents } from './train/resumableRun.ts';
export { RunControl, runTraining } from './train/run.ts';
export type { RunWarning } from './train/runWarning.ts';
export {
  checkSample,
  DEFAULT_SAMPLES,
  type Generated,
  type SampledToken,
  type SampleOptions,
  sampleSteps,
} from './train/sampler.ts';
export type { Score } from './train/scorer.ts';
export type { StartChecksums } from './train/start.ts';
export { type RunEvents, TooManySkipsError } from './train/steppedRun.ts';
export type { StageMetrics } from './train/stepReadback.ts';
export type { Trainer } from './train/trainer.ts';
export { TrainingClock } from './train/trainingClock.ts';

// experiments/: The article's table, comparisons, sweeps, and their tables.

export {
  ARTICLE,
  ARTICLE_MODES,
  type ArticleFigures,
  type ArticleMode,
  afterMeasuring,
  type FittedRun,
  LEAST_STEPS,
  type MeasuredSpeed,
  measuredSpeed,
  measuringRuns,
  TABLE_MODES,
  TABLE_PRESETS,
  TABLE_SECONDS,
  TABLE_STEPS,
  type TableBudget,
  type TableEstimate,
  type TablePlan,
  type TablePreset,
  UNSCALED_MODE,
} from './experiments/articleTable.ts';
export type { ComparedRun } from './experiments/comparison.ts';
export { type ConfirmedBatch, confirmBatch } from './experiments/confirmBatch.ts';
export { DIVERGENCE_NATS, firstDivergence, type LossCurve, largestGap } from './experiments/divergence.ts';
export { aboutLine, startSentence, toMarkdown } from './experiments/markdown.ts';
export { type MeasuredStep, measureStep } from './experiments/measureStep.ts';
export { comparedModes, comparedRuns, hasEnded, inMode, type PlannedRun } from './experiments/planned.ts';
export {
  type EarlyStop,
  type Ending,
  type RecordedRun,
  recordRun,
  trainToEnding,
} from './experiments/recordRun.ts';
export type { SpeedClock } from './experiments/speed.ts';
export { startProof } from './experiments/startProof.ts';
export {
  bestLoss,
  cellOf,
  checkDistinct,
  currentCell,
  currentGrid,
  failureOf,
  grownGrid,
  joinedCells,
  missingRuns,
  placeOf,
  type Sweep,
  type SweepCell,
  type SweepGrid,
  type SweepSettings,
  settingsDifferences,
  sortedCells,
  sweepGrid,
  sweepPlan,
  sweepSettings,
} from './experiments/sweep.ts';
export {
  readSweep,
  SWEEP_FORMAT,
  sweepCellSchema,
  sweepGridSchema,
  sweepSettingsSchema,
  writeSweep,
} from './experiments/sweepFile.ts';
export {
  type RateResult,
  rateName,
  rateText,
  SWEEP_LEGEND,
  sweepCsv,
  sweepMarkdown,
  sweepProgress,
  sweepRows,
} from './experiments/sweepTable.ts';
export { type ComparisonTable, comparisonTable, FAILED_MODE } from './experiments/table.ts';
export { findUnscaled, type UnscaledFindings } from './experiments/unscaled.ts';
export {
  modeOfVariant,
  offeredSettings,
  parseVariant,
  readVariant,
  VARIANT_SETTINGS,
  type VariantId,
  variantId,
  variantOverrides,
  variantTitle,
} from './experiments/variants.ts';
export { verdict } from './experiments/verdict.ts';

// bench/: The measurements of `npm run bench` and of the page's benchmark.

export { type BenchmarkResult, benchmark } from './bench/adapter.ts';
export { budgetedBatches } from './bench/batches.ts';
export { countDispatches, secondsPerDispatch } from './bench/dispatches.ts';
export { driftOf, type LongRunBlock, MIN_STEPS, measureLongRun } from './bench/longRun.ts';
export { phaseTimes, profileStep, type StepProfile } from './bench/operations.ts';
export { PHASES } from './bench/phases.ts';
export { median } from './bench/robust.ts';
export { measureRoofline, sharesOfPeak } from './bench/roofline.ts';
export { measureSampling } from './bench/sampling.ts';
export { measureSaving, type SavingCost } from './bench/saving.ts';
export { benchShape, describeShape, SHAPE_NAMES } from './bench/shapes.ts';
export { measureSteps } from './bench/step.ts';
export { candidateTargets, type StepKernel, stepKernels } from './bench/stepKernels.ts';
export { measureInTurns } from './bench/turns.ts';
