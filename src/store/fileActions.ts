/** Actions on files of models and runs: a chunk of its own, loaded on first use. */
import { chosenFiles, type ExportFormat, usualHeads, type WeightsOfRun } from '../engine/index.ts';
import type { ExportKind, OpenedFile, SavedRun } from '../session/protocol.ts';
import type { Place } from '../session/storage/places.ts';
import { resumeObstacle, send, textSource, trainRuns } from './actions.ts';
import { useFiles } from './files.ts';
import { startWithoutModel } from './myText/myText.ts';
import { clearNumerics } from './numericsStore.ts';
import { plainlyNamed } from './plainName.ts';
import { isBusy, useRun } from './runStore.ts';
import { beginRuns } from './runTransitions.ts';
import { autosaveMs, runContinues } from './savedRun.ts';
import { firstConfig, type InitialShape, runsOf } from './settings.ts';
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
    useFiles.setState({
      opened: { state: 'refused', error: { code: 'BAD_FILE', ...chosen }, address: null },
    });
    return;
  }
  const { weights, ...beside } = chosen;
  const file = plainlyNamed(weights);
  useFiles.setState({ opened: { state: 'reading', id: opens, name: file.name } });
  send({ type: 'openFile', id: opens, file, ...beside });
  startFromNext(opens);
}

/**
 * Downloads the model at an http or https address and opens it. What an earlier attempt at the same address left is
 * continued.
 */
export function openAddress(address: string): void {
  startWithoutModel();
  opens += 1;
  useFiles.setState({ opened: { state: 'loading', id: opens, address: address.trim(), progress: null } });
  send({ type: 'loadModel', id: opens, address: address.trim() });
  startFromNext(opens);
}

/** Ends the download. What has arrived stays, so that it can be continued. */
export function stopLoading(): void {
  const { opened } = useFiles.getState();
  if (opened.state !== 'loading') return;
  send({ type: 'cancelFile', keep: true });
  const { address, progress } = opened;
  useFiles.setState({ opened: { state: 'stopped', address, progress } });
}

/** Closes the file: runs start from random weights again. What has arrived of a download is dropped. */
export function closeFile(): void {
  const { opened } = useFiles.getState();
  if (opened.state !== 'none' && 'address' in opened && opened.address !== null)
    send({ type: 'cancelFile', keep: false });
  useFiles.setState({ opened: { state: 'none' }, scoring: { state: 'none' } });
  startWithoutModel();
}

/** Has runs start from the weights of file number `id`, if it turns out to be a model. */
function startFromNext(id: number): void {
  const forget = useFiles.subscribe(({ opened }) => {
    if ((opened.state === 'reading' || opened.state === 'loading') && opened.id === id) return;
    forget();
    if (opened.state === 'ready' && opened.id === id && opened.file.kind === 'model')
      startFrom(id, opened.file);
  });
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

/** Scores a text with the opened model, in the first of the chosen modes. */
export function scoreText(text: string): void {
  const { settings } = useSettings.getState();
  if (!settings.init || isBusy(useRun.getState())) return;
  useFiles.setState({ scoring: { state: 'scoring' } });
  send({ type: 'scoreText', id: settings.init.id, text, config: firstConfig(settings) });
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
  if (isBusy(useRun.getState()) || continueObstacle(saved, steps) !== null) return;
  const configs = [{ ...saved.config, steps }];
  beginRuns({ configs, schedule: 'sequential' });
  clearNumerics(configs);
  const every = autosaveMs(1);
  runContinues(saved, null);
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
  weights: WeightsOfRun = 'master',
): void {
  useFiles.setState({ exporting: true, made: null, exportError: null });
  send({ type: 'export', what, dtype, weights, of, folder: new URL('.', document.baseURI).href });
}

/** The run that can be exported: when runs train one after the other, the last one started. Null for none. */
export function exportableRun(): number | null {
  const { runs, active, status } = useRun.getState();
  const { latest, summary } = runs[active] ?? {};
  const gone = status === 'lost' || status === 'preparing' || status === 'idle';
  return gone || !(latest || summary) ? null : active;
}
