/**
 * Exports a run as files for the visitor. They are made from a copy of its state, so that training continues meanwhile.
 */
import {
  blobOf,
  blobSource,
  type DeviceAccess,
  describeRun,
  type FileToWrite,
  isGgufFormat,
  modelFolderOfRun,
  openRun,
  type PlanLimits,
  piecesOf,
  planLimits,
  type RandomAccess,
  type RunFile,
  type Snapshot,
  Snapshots,
  type Trainer,
  writeRun,
} from '../engine/index.ts';
import { archive } from './archive.ts';
import { withSave } from './autosave.ts';
import { bytesOf, checkCluster, clusterFiles } from './cluster.ts';
import { errorReport, SessionError } from './errorReport.ts';
import type { SessionCommand, SessionEvent, TextSource } from './protocol.ts';
import { streamFrom } from './texts.ts';

type Exported = Omit<Extract<SessionEvent, { type: 'exported' }>, 'type'>;
type ExportCommand = Extract<SessionCommand, { type: 'export' }>;

const SAFETENSORS = 'application/octet-stream';

export interface RunOnGpu {
  readonly trainer: Trainer;
  /** The text that the run is trained on. */
  readonly text: TextSource;
  /** Whether the run is paused or has ended, so that its state can be copied without extra GPU memory. */
  readonly idle: boolean;
  /** Whether the run is being autosaved, so that GPU memory for a copy may be allocated already. */
  readonly saved: boolean;
}

/** The final state of a run that has left the GPU, and its text. */
interface Kept {
  readonly file: RunFile;
  readonly text: TextSource;
}

/**
 * Makes the requested file, or reports why it cannot.
 * @param onGpu looks up a run by its index; null where it is gone
 * @param kept looks up what was kept of a run that has left the GPU
 */
export async function answerExport(
  command: ExportCommand,
  post: (event: SessionEvent) => void,
  gpu: DeviceAccess,
  onGpu: (run: number) => RunOnGpu | null,
  kept: (run: number) => Kept | null = () => null,
): Promise<void> {
  try {
    const limits = planLimits((await gpu.open()).report.limits);
    post({ type: 'exported', ...(await exported(command, limits, onGpu, kept)) });
  } catch (cause) {
    post({ type: 'exportRefused', error: errorReport(cause) });
  }
}

async function exported(
  command: ExportCommand,
  limits: PlanLimits,
  onGpu: (run: number) => RunOnGpu | null,
  kept: (run: number) => Kept | null,
): Promise<Exported> {
  const { of } = command;
  if ('place' in of) {
    return withSave(of.place, (file) => exportSave(file, command, limits));
  }
  const run = onGpu(of.run);
  const left = run ? null : kept(of.run);
  if (left) return exportRun(left.file, command, left.text, limits);
  if (!run) throw notOnGpu();
  return exportRun(await copyOfRun(run), command, run.text, limits);
}

/** A run written by another version can only be exported as its own file. */
async function exportSave(file: RandomAccess, command: ExportCommand, limits: PlanLimits): Promise<Exported> {
  try {
    const run = await openRun(file);
    return await exportRun(run, command, textOfSave(run, command.folder), limits);
  } catch (cause) {
    if (command.what !== 'run') throw cause;
    return { name: 'halfstep-saved-run.safetensors', content: await blobOf(piecesOf(file), SAFETENSORS) };
  }
}

/**
 * Copies the state of a run between two steps into the file format it would be saved in.
 * @throws SessionError NEEDS_PAUSE when training would have to pause for the copy
 */
export async function copyOfRun({ trainer, text, idle, saved }: RunOnGpu): Promise<RunFile> {
  const snapshot = idle ? await copyIdle(trainer) : await copyWhileTraining(trainer, saved);
  try {
    const builtin = text.kind === 'builtIn' ? text.id : null;
    const blob = await blobOf(writeRun(snapshot, describeRun(trainer, builtin)), SAFETENSORS);
    return await openRun(blobSource('the run', blob));
  } finally {
    snapshot.release();
  }
}

/** Retries when a step was still in flight during the copy. */
async function copyIdle(trainer: Trainer): Promise<Snapshot> {
  const { device, arena, plan } = trainer;
  for (;;) {
    const steps = trainer.submittedSteps;
    const snapshot = await Snapshots.unstaged(device, arena, plan.tensors).take(steps);
    if (trainer.submittedSteps === steps) return snapshot;
    snapshot.release();
  }
}

async function copyWhileTraining(trainer: Trainer, saved: boolean): Promise<Snapshot> {
  const snapshots = saved ? await trainer.snapshots() : null;
  if (snapshots && !snapshots.pauses) return snapshots.takeNext(() => trainer.submittedSteps);
  throw new SessionError(
    'NEEDS_PAUSE',
    'The GPU has no memory left for a copy of this run.',
    'Pause the training or wait until it ends, then export.',
  );
}

/**
 * @param text the run's text; null where the page does not have it
 * @param limits of the adapter that saved the run
 * @throws EngineError BAD_VALUE when no program continues such a run, NOT_FINITE when a weight does not fit the format,
 * SAVE_FAILED when the files exceed what an archive holds
 */
async function exportRun(
  run: RunFile,
  { what, dtype, weights, folder }: ExportCommand,
  text: TextSource | null,
  limits: PlanLimits,
): Promise<Exported> {
  const { config } = run.description;
  const name = `halfstep-${config.precision}-step-${run.progress.attempted}`;
  if (what === 'run') {
    return { name: `${name}.safetensors`, content: await blobOf(bytesOf(run), SAFETENSORS) };
  }
  if (what === 'cluster') checkCluster(run.description);
  if (isGgufFormat(dtype) && what === 'model') {
    const [{ pieces }] = (await modelFolderOfRun(run, dtype, limits, weights)) as [FileToWrite];
    return { name: `${name}-${dtype.slice('gguf-'.length)}.gguf`, content: await blobOf(inTurn(pieces())) };
  }
  // A cluster folder has the model for Hugging Face's libraries.
  const model = await modelFolderOfRun(run, isGgufFormat(dtype) ? 'F32' : dtype, limits, weights);
  const others = what === 'cluster' ? await clusterFiles(run, text && (await streamFrom(text)), folder) : [];
  const suffix = what === 'cluster' ? 'cluster' : `model-${dtype.toLowerCase()}`;
  return {
    name: `${name}-${suffix}.zip`,
    content: await archive(`${name}-${suffix}`, [...others, ...model]),
  };
}

/** The pieces as copies, because the next one may reuse the buffer. */
async function* inTurn(pieces: ReturnType<FileToWrite['pieces']>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield piece.slice();
}

/** The text of a saved run, if it is one of the page's built-in texts. */
function textOfSave({ description: { text } }: RunFile, folder: string): TextSource | null {
  return text.builtin && { kind: 'builtIn', id: text.builtin, folder: `${folder}texts/` };
}

export function notOnGpu(): SessionError {
  return new SessionError(
    'NOT_ON_GPU',
    'This run is no longer on the GPU.',
    'Of runs that train one after the other, those that ended last are kept, up to 1 GiB, once none trains. Train this one alone.',
  );
}
