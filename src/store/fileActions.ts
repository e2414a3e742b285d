/** Actions on files of models and runs: a chunk of its own, loaded on first use. */
import { chosenFiles, type ExportFormat, usualHeads } from '../engine/index.ts';
import type { ExportKind, OpenedFile, SavedRun } from '../session/protocol.ts';
import type { Place } from '../session/storage/places.ts';
import { resumeObstacle, send, textSource, trainRuns } from './actions.ts';
import { useFiles } from './files.ts';
import { clearNumerics } from './numericsStore.ts';
import { beginRuns, isBusy, useRun } from './runStore.ts';
import { autosaveMs } from './savedRun.ts';
import { type InitialShape, runsOf } from './settings.ts';
import { useSettings } from './settingsStore.ts';

let opens = 0;

/**
 * Opens the weights among the files. The file opened before is closed; runs and settings are unchanged until the
 * contents are known.
 */
export function openFiles(files: readonly File[]): void {
  closeFile();
  opens += 1;
  const chosen = chosenFiles(files);
  if ('message' in chosen) {
    const name = files[0]?.name ?? '';
    useFiles.setState({ opened: { state: 'refused', name, error: { code: 'BAD_FILE', ...chosen } } });
    return;
  }
  const { weights: file, ...beside } = chosen;
  useFiles.setState({ opened: { state: 'reading', id: opens, name: file.name } });
  send({ type: 'openFile', id: opens, file, ...beside });
  const forget = useFiles.subscribe(({ opened }) => {
    if (opened.state === 'reading') return;
    forget();
    if (opened.state === 'ready' && opened.file.kind === 'model') startFrom(opened.id, opened.file);
  });
}

/** Closes the file: runs start from random weights again. */
export function closeFile(): void {
  useFiles.setState({ opened: { state: 'none' } });
  useSettings.getState().choose({ init: null });
}

function startFrom(
  id: number,
  { name, shape, heads, tokenizer, likelyTokenizer }: Extract<OpenedFile, { kind: 'model' }>,
): void {
  const init: InitialShape = {
    ...{ id, name, ...shape, heads, tokenizer, likelyTokenizer },
    usualHeads: usualHeads(shape.width),
  };
  useSettings.getState().choose({ init });
}

/** Evaluates the weights on the text without training. */
export function evaluateFile(): void {
  const { settings } = useSettings.getState();
  if (!settings.init) return;
  trainRuns(
    runsOf(settings).map((run) => ({ ...run, config: { ...run.config, steps: 0, warmup: 0 } })),
    settings,
  );
}

/** The reason why a saved run cannot continue up to `steps`; null when it can. @param steps total number of steps */
export function continueObstacle(saved: SavedRun, steps: number): string | null {
  if (!(Number.isInteger(steps) && steps > saved.step && steps <= 1_000_000)) {
    return `The run has taken ${saved.step} steps. Enter a larger whole number, up to 1,000,000.`;
  }
  const { warmup } = saved.config;
  if (steps < warmup) {
    return `The run has a warm-up of ${warmup} steps. Enter at least as many steps in total.`;
  }
  return resumeObstacle(saved);
}

/** Continues the run in the opened file. @param steps total number of steps */
export function continueFile(steps: number): void {
  const { opened } = useFiles.getState();
  if (opened.state !== 'ready' || opened.file.kind !== 'run') return;
  const { saved } = opened.file;
  if (isBusy(useRun.getState().status) || continueObstacle(saved, steps) !== null) return;
  const configs = [{ ...saved.config, steps }];
  beginRuns(configs, 'sequential');
  clearNumerics(configs);
  const every = autosaveMs(1);
  send({
    type: 'train',
    configs,
    schedule: 'sequential',
    text: textSource(saved.text.builtin ?? 'own'),
    from: opened.id,
    ...(every !== undefined && { autosaveMs: every }),
  });
  useFiles.setState({ opened: { state: 'none' } });
}

/** Exports a run on the GPU, or a stored one, as a file. */
export function exportRun(
  of: { readonly run: number } | { readonly place: Place },
  what: ExportKind,
  dtype: ExportFormat = 'F32',
): void {
  useFiles.setState({ exporting: true, made: null, exportError: null });
  send({ type: 'export', what, dtype, of, folder: new URL('.', document.baseURI).href });
}

/** The run that can be exported: when runs train one after the other, the last one started. Null for none. */
export function exportableRun(): number | null {
  const { runs, active, status } = useRun.getState();
  const { latest, summary } = runs[active] ?? {};
  const gone = status === 'lost' || status === 'preparing' || status === 'idle';
  return gone || !(latest || summary) ? null : active;
}
