/** Files of a run for the visitor to take: made from a copy of its state, so that training goes on meanwhile. */
import {
  blobOf,
  blobSource,
  type DeviceAccess,
  describeRun,
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
  /** That it is trained on. */
  readonly text: TextSource;
  /** It is paused or has ended: a copy needs no room beside it on the GPU. */
  readonly stands: boolean;
  /** There is such room already, because it is saved while it goes on. */
  readonly saved: boolean;
}

/** Makes the file that was asked for, or tells why there is none. @param onGpu the run of an index; null where it is gone */
export async function answerExport(
  command: ExportCommand,
  post: (event: SessionEvent) => void,
  gpu: DeviceAccess,
  onGpu: (run: number) => RunOnGpu | null,
): Promise<void> {
  try {
    const limits = planLimits((await gpu.open()).report.limits);
    post({ type: 'exported', ...(await exported(command, limits, onGpu)) });
  } catch (cause) {
    post({ type: 'exportRefused', error: errorReport(cause) });
  }
}

async function exported(
  command: ExportCommand,
  limits: PlanLimits,
  onGpu: (run: number) => RunOnGpu | null,
): Promise<Exported> {
  const { of } = command;
  if ('place' in of) {
    return withSave(of.place, (file) => exportSave(file, command, limits));
  }
  const run = onGpu(of.run);
  if (!run) throw notOnGpu();
  return exportRun(await copyOfRun(run), command, run.text, limits);
}

/** A run that another version has written can be taken as the file that it is, and as nothing else. */
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
 * The state of a run between two steps, as the file that it would be saved in.
 * @throws SessionError NEEDS_PAUSE where training would have to stand
 */
async function copyOfRun({ trainer, text, stands, saved }: RunOnGpu): Promise<RunFile> {
  const snapshot = stands ? await takeStanding(trainer) : await takeBeside(trainer, saved);
  try {
    const builtin = text.kind === 'builtIn' ? text.id : null;
    const blob = await blobOf(writeRun(snapshot, describeRun(trainer, builtin)), SAFETENSORS);
    return await openRun(blobSource('the run', blob));
  } finally {
    snapshot.release();
  }
}

/** Once more where a step was still on its way. */
async function takeStanding(trainer: Trainer): Promise<Snapshot> {
  const { device, arena, plan } = trainer;
  for (;;) {
    const steps = trainer.submittedSteps;
    const snapshot = await Snapshots.unstaged(device, arena, plan.tensors).take(steps);
    if (trainer.submittedSteps === steps) return snapshot;
    snapshot.release();
  }
}

async function takeBeside(trainer: Trainer, saved: boolean): Promise<Snapshot> {
  const snapshots = saved ? await trainer.snapshots() : null;
  if (snapshots && !snapshots.pauses) return snapshots.takeNext(() => trainer.submittedSteps);
  throw new SessionError(
    'NEEDS_PAUSE',
    'The GPU has no room for a copy of this run beside it.',
    'Pause the training, or wait for its end, and take the file then.',
  );
}

/**
 * @param text that the run is trained on; null where the page does not have it
 * @param limits of the adapter that saved it
 * @throws EngineError BAD_VALUE where no program goes on with such a run, NOT_FINITE where a weight is not in the format,
 * SAVE_FAILED where it is more than an archive holds
 */
async function exportRun(
  run: RunFile,
  { what, dtype, folder }: ExportCommand,
  text: TextSource | null,
  limits: PlanLimits,
): Promise<Exported> {
  const { config } = run.description;
  const name = `halfstep-${config.precision}-step-${run.progress.attempted}`;
  if (what === 'run') {
    return { name: `${name}.safetensors`, content: await blobOf(bytesOf(run), SAFETENSORS) };
  }
  if (what === 'cluster') checkCluster(run.description);
  const model = await modelFolderOfRun(run, dtype, limits);
  const others = what === 'cluster' ? await clusterFiles(run, text && (await streamFrom(text)), folder) : [];
  const suffix = what === 'cluster' ? 'cluster' : `model-${dtype.toLowerCase()}`;
  return {
    name: `${name}-${suffix}.zip`,
    content: await archive(`${name}-${suffix}`, [...others, ...model]),
  };
}

/** The text of a saved run, where it is one of the page's. */
function textOfSave({ description: { text } }: RunFile, folder: string): TextSource | null {
  return text.builtin && { kind: 'builtIn', id: text.builtin, folder: `${folder}texts/` };
}

function notOnGpu(): SessionError {
  return new SessionError(
    'NOT_ON_GPU',
    'This run is no longer on the GPU.',
    'Of several runs that train one after the other, the last can be taken. Train this one alone.',
  );
}
