import { SessionClient } from '../session/client.ts';
import type {
  InspectedKind,
  SampleRequest,
  SavedRun,
  SessionCommand,
  StoredRun,
  TextSource,
} from '../session/protocol.ts';
import { adaptToAdapter, adaptToSpeed, undoAdaptation } from './adapt.ts';
import { readAddress } from './address.ts';
import { applyEvent } from './events.ts';
import { clearNumerics, numericsDefault, rememberNumerics, useNumerics } from './numericsStore.ts';
import { cancelReading, ownTextSource, readAgain, readFile, readFrom } from './ownText.ts';
import { planProblem } from './plan.ts';
import { beginRuns, isBusy, logOf, useRun } from './runStore.ts';
import { AUTOSAVE_SECONDS, autosaveMs, useSavedRun } from './savedRun.ts';
import { DEFAULT_SETTINGS, runsOf, type Settings, type TextChoice } from './settings.ts';
import { useSettings } from './settingsStore.ts';
import { withoutTracking } from './tracking.ts';
import { useUi } from './uiStore.ts';

let client: SessionClient | null = null;

/** Called once: reads the address, looks for a GPU and, if the address asks for it, trains. */
export function boot(): void {
  const address = readAddress(location.search, DEFAULT_SETTINGS);
  const query = withoutTracking(location.search);
  // Whoever copies the address passes on settings, and not who has sent them here.
  if (query !== location.search)
    history.replaceState(history.state, '', location.pathname + query + location.hash);
  useSettings.getState().choose(address.settings);
  useSettings.setState({ addressProblems: address.problems });
  useUi.setState({ still: address.still });
  if (address.autosave !== undefined) useSavedRun.setState({ every: address.autosave });

  if (!navigator.gpu) {
    const reason = isSecureContext ? 'noNavigatorGpu' : 'insecureContext';
    useRun.setState({ unsupported: { reason, error: null } });
    return;
  }
  try {
    client = new SessionClient((event) => {
      applyEvent(event);
      if (event.type === 'metrics') leaveSlowPreset(event.run);
      if (event.type !== 'opened') return;
      adaptToAdapter(event.report.isFallback);
      switchNumerics(numericsDefault(event.report.isFallback));
      if (address.autostart) train();
    });
  } catch {
    useRun.setState({ unsupported: { reason: 'workerBlocked', error: null } });
    return;
  }
  client.send({ type: 'open' });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) client?.send({ type: 'save' });
  });
}

export function send(command: SessionCommand): void {
  client?.send(command);
}

/** Why Train would not start now; null when it would. */
export function obstacle(
  { settings, unread, ownText } = useSettings.getState(),
  adapter = useRun.getState().adapter,
): string | null {
  if (Object.keys(unread).length > 0) return 'A number cannot be read. Correct it in the settings.';
  if (settings.text === 'own' && ownText.state !== 'ready') {
    return ownText.state === 'checking'
      ? 'Your text is still being read.'
      : 'Choose a file or paste a text first.';
  }
  const problem = planProblem(settings, ownText, adapter);
  return problem && `${problem.message} ${problem.hint}`;
}

export function train(): void {
  if (obstacle() !== null) return;
  const { settings } = useSettings.getState();
  trainRuns(runsOf(settings), settings);
}

/** Trains what the settings say, or something that differs from it. Nothing while something trains. */
export function trainRuns(runs: ReturnType<typeof runsOf>, settings: Settings): void {
  if (!client || isBusy(useRun.getState().status)) return;
  const configs = runs.map(({ config }) => config);
  const { schedule, samples, init, vocab } = settings;
  const modes = runs.map(({ mode }) => mode);
  beginRuns(configs, schedule, settings, 'training', modes);
  clearNumerics(configs);
  const text = textSource(settings.text);
  const every = autosaveMs(configs.length);
  client.send({
    type: 'train',
    configs,
    schedule,
    text,
    ...(init && { from: init.id, fill: vocab === init.vocabulary }),
    ...(samples !== null && { samples }),
    ...(every !== undefined && { autosaveMs: every }),
  });
}

/** Why the saved run cannot go on now; null where it can. */
export function resumeObstacle({ text }: SavedRun, { ownText } = useSettings.getState()): string | null {
  if (text.builtin !== null || ownText.state === 'ready') return null;
  return `It was trained on your file "${text.name}": choose it again as your text to resume it.`;
}

/**
 * Goes on with a stored run: to its end, or with more steps than it had. One that has taken all its steps is shown as it ended.
 * @param steps in all
 */
export function resumeSavedRun(stored: StoredRun, steps = stored.config.steps): void {
  if (!client || isBusy(useRun.getState().status) || resumeObstacle(stored) !== null) return;
  const configs = [{ ...stored.config, steps }];
  const { every } = useSavedRun.getState();
  beginRuns(configs, 'sequential');
  clearNumerics(configs);
  useSavedRun.setState({ shown: stored.place, newest: null, error: null });
  client.send({
    type: 'train',
    configs,
    schedule: 'sequential',
    text: textSource(stored.text.builtin ?? 'own'),
    resume: stored.place,
    autosaveMs: (every || AUTOSAVE_SECONDS) * 1000,
  });
}

export function discardSavedRun({ place }: Pick<StoredRun, 'place'>): void {
  client?.send({ type: 'forgetSave', place });
}

/** The modes whose difference the project exists to show; everything else stays as it is chosen. */
const SHOWCASE_MODES = ['fp32', 'fp16', 'fp16-noscale'] as const;

export function compareShowcase(): void {
  if (isBusy(useRun.getState().status)) return;
  useSettings.getState().choose({ modes: SHOWCASE_MODES });
  train();
}

export function pause(): void {
  if (useRun.getState().status === 'training') client?.send({ type: 'pause' });
}

export function resume(): void {
  if (useRun.getState().status === 'paused') client?.send({ type: 'resume' });
}

/** Takes effect at the next step; the run is still evaluated, and what was trained can be sampled. */
export function stop(): void {
  if (!isBusy(useRun.getState().status)) return;
  useRun.setState({ status: 'stopping' });
  client?.send({ type: 'stop' });
}

/** Ends what runs, without evaluating it, and trains with the settings as they are. */
export function restart(): void {
  if (obstacle() !== null) return;
  if (!isBusy(useRun.getState().status)) {
    train();
    return;
  }
  const forget = useRun.subscribe(({ status }) => {
    if (isBusy(status)) return;
    forget();
    if (status !== 'lost') train();
  });
  useRun.setState({ status: 'stopping' });
  client?.send({ type: 'stop', abandon: true });
}

/** Histograms of the gradients every so many steps, or none; from the next step on. */
export function chooseNumerics(enabled: boolean, interval = useNumerics.getState().interval): void {
  rememberNumerics(enabled);
  useNumerics.setState({ interval });
  switchNumerics(enabled);
}

function switchNumerics(enabled: boolean): void {
  useNumerics.setState({ enabled });
  client?.send({ type: 'numerics', interval: enabled ? useNumerics.getState().interval : null });
}

/** Takes one look at the weights, or at the activations of the newest batch. */
export function inspect(what: InspectedKind): void {
  useNumerics.setState({ inspecting: what, error: null });
  client?.send({ type: 'inspect', what });
}

/** Before a slow first run has cost the visitor a minute. */
function leaveSlowPreset(run: number): void {
  const log = logOf(run);
  const { status, schedule, purpose, startedWith } = useRun.getState();
  // In lockstep the steps of the other modes pass too; a sweep keeps the preset it was begun with.
  if (run !== 0 || !log || status !== 'training' || schedule === 'lockstep' || purpose === 'sweep') return;
  if (startedWith === null) return; // a run that went on keeps what it began with
  if (adaptToSpeed(log)) restart();
}

/** Takes the preset back that the page lowered by itself, and trains with it where it was trained without. */
export function undoPreset(): void {
  undoAdaptation();
  if (isBusy(useRun.getState().status)) restart();
}

export function sample(request: SampleRequest): void {
  useRun.setState({ sampling: true, sampleError: null });
  client?.send({ type: 'sample', request });
}

/** What was written so far stays. */
export function stopSample(): void {
  client?.send({ type: 'stopSample' });
}

/** Takes a text of the visitor's. It is read in the worker and never leaves the device. */
export function takeOwnText(file: File): void {
  client?.send(readFile(file));
}

/** Takes the text at an http or https address. */
export function takeTextFrom(address: string): void {
  client?.send(readFrom(address));
}

export function cancelText(): void {
  const command = cancelReading();
  if (command) client?.send(command);
}

/** Another tokenizer finds another vocabulary in the same text. */
useSettings.subscribe(({ settings }, before) => {
  if (settings.tokenizer === before.settings.tokenizer && settings.init === before.settings.init) return;
  const command = readAgain();
  if (command) client?.send(command);
});

/** Where the worker finds the text: one of the page's, or the visitor's own. */
export function textSource(text: TextChoice): TextSource {
  if (text === 'own') return ownTextSource();
  return { kind: 'builtIn', id: text, folder: new URL('texts/', document.baseURI).href };
}
