/** Saves, opens and resumes whole runs, and exports their models for Hugging Face's libraries. */
import {
  type AdapterReport,
  blobOf,
  blobSource,
  cardFacts,
  checkText,
  createTrainer,
  type Dataset,
  describeRun,
  EngineError,
  type ExportFormat,
  modelFolder,
  type OptionType,
  openRun as openRunFile,
  type RunFile,
  readParameters,
  Snapshots,
  type Trainer,
  type TrainerOptions,
  writeRun,
} from '../engine/index.ts';
import * as check from './checked.ts';
import { asFiles } from './files.ts';

const SAFETENSORS = 'application/octet-stream';

/**
 * The run as one safetensors file: master weights under GPT-2's names (f32, or the master's format), optimizer states
 * as stored, the step's state, and everything else that resuming needs. About 12 bytes per parameter in most modes. The
 * page, the command line and {@link openRun} read it. Waits for every submitted step, and syncs once per tensor; needs
 * GPU memory for one tensor. No step may be taken until it resolves.
 * @throws EngineError SAVE_FAILED when a step was taken meanwhile
 */
export async function saveRun(trainer: Trainer): Promise<Blob> {
  check.trainer(trainer, 'saveRun');
  await trainer.drain();
  const { device, arena, plan, submittedSteps } = trainer;
  const snapshot = await Snapshots.unstaged(device, arena, plan.tensors).take(submittedSteps);
  try {
    if (trainer.submittedSteps !== submittedSteps) {
      throw new EngineError(
        'SAVE_FAILED',
        `The run was at step ${submittedSteps} when saving began, but at step ${trainer.submittedSteps} when it ended.`,
        'Await saveRun before the next step.',
      );
    }
    return await blobOf(writeRun(snapshot, describeRun(trainer, null)), SAFETENSORS);
  } finally {
    snapshot.release();
  }
}

/**
 * Opens a run saved by {@link saveRun}, the page or the command line; no tensor is read yet. In Node,
 * `fs.openAsBlob(path)` gives a file as a Blob.
 * @param name for messages
 * @throws EngineError BAD_FILE when it is damaged, WRONG_RUN when it is not a run of this version, or its recipe
 * differs from the one defined here, UNKNOWN_MODE before `defineMode` has defined its mode
 */
export async function openRun(file: Blob, name = 'run.safetensors'): Promise<RunFile> {
  check.blob(file, 'openRun');
  check.text('name')(name, 'openRun');
  return openRunFile(blobSource(name, file));
}

export interface ResumeOptions extends Omit<TrainerOptions, 'resume'> {
  /** The run's new total number of steps; by default the one it was started with. */
  readonly steps?: number | undefined;
}

const { resume: _, ...TRAINER_OPTIONS } = check.TRAINER_OPTIONS;
const RESUME_OPTIONS = check.options('options', {
  ...TRAINER_OPTIONS,
  steps: 'number?',
} satisfies Record<keyof ResumeOptions, OptionType>);

/**
 * Creates a trainer that resumes a saved run. On the adapter that saved it, the bits are those of an uninterrupted run;
 * elsewhere sums may differ in their last bits. Allocates and compiles like `createTrainer`, and waits for the GPU.
 * @param dataset of the run's own text and tokenizer: `createDataset(text, { ..., tokenizer: run.description.tokenizer
 * })`
 * @throws EngineError WRONG_RUN when the text or its tokens differ, or `steps` is below the number of steps taken;
 * BAD_FILE when a tensor is damaged; and the errors of `createTrainer`
 */
export async function resumeTrainer(
  device: GPUDevice,
  report: AdapterReport,
  run: RunFile,
  dataset: Dataset,
  resumeOptions: ResumeOptions = {},
): Promise<Trainer> {
  check.device(device, 'resumeTrainer');
  check.report(report, 'resumeTrainer');
  check.run(run, 'resumeTrainer');
  check.dataset(dataset, 'resumeTrainer');
  RESUME_OPTIONS(resumeOptions, 'resumeTrainer');
  const { steps, ...options } = resumeOptions;
  checkText(run, dataset);
  const { config } = run.description;
  const { attempted } = run.progress;
  const wanted = steps ?? config.steps;
  if (wanted < attempted) {
    throw new EngineError(
      'WRONG_RUN',
      `steps is ${wanted}, but the run in "${run.file.source.name}" has taken ${attempted} steps.`,
      `steps is the total of the run: give at least ${attempted}, or omit it for ${config.steps}.`,
    );
  }
  return createTrainer(device, report, { ...config, steps: wanted }, dataset, { ...options, resume: run });
}

/**
 * The trained model as Hugging Face's `transformers` reads it: `model.safetensors`, `config.json`, `tokenizer.json`,
 * `tokenizer_config.json` and the model card `README.md`, to be written into one folder. Weights come from the masters.
 * Waits for every submitted step, and syncs once per chunk of parameters; holds all weights in memory as f32.
 * @param dtype of `model.safetensors`: 'F32', 'F16' or 'BF16'; or 'gguf-f16', 'gguf-q8_0' and the like for one file
 * `model.gguf` for llama.cpp
 * @throws EngineError BAD_VALUE naming what no family of models has, NOT_FINITE naming a weight that is not finite, or
 * does not fit `dtype`
 */
export async function exportModel(trainer: Trainer, dtype: ExportFormat = 'F32'): Promise<File[]> {
  check.trainer(trainer, 'exportModel');
  check.exportFormat(dtype, 'exportModel');
  await trainer.drain();
  const parameters = await readParameters(trainer);
  const { json } = trainer.dataset.tokenizer;
  const files = modelFolder(
    trainer.plan.tensors.gpt,
    json,
    dtype,
    (name) => parameters.get(name)!,
    cardFacts(trainer, null),
  );
  return asFiles(files);
}
