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
import { followSettings } from './addressBar.ts';
import { applyEvent } from './events.ts';
import { clearNumerics, numericsDefault, rememberNumerics, useNumerics } from './numericsStore.ts';
import { cancelReading, ownTextSource, readAgain, readFile, readFrom } from './ownText.ts';
import { loadPlanner, planProblem } from './plan.ts';
import { isBusy, logOf, useRun } from './runStore.ts';
import { beginRuns, gpuRefused, sampleRequested, trainingStopping } from './runTransitions.ts';
import { AUTOSAVE_SECONDS, autosaveMs, runContinues, useSavedRun } from './savedRun.ts';
import { type Screen, screenOf } from './screens.ts';
import { DEFAULT_SETTINGS, type Problem, runsOf, type Settings, type TextChoice } from './settings.ts';
import { useSettings } from './settingsStore.ts';
import { keepSettingsOnReload, withKeptSettings } from './tabSettings.ts';
import { withoutTracking } from './tracking.ts';
import { useUi } from './uiStore.ts';

let client: SessionClient | null = null;
let opening: Promise<boolean> | null = null;

/**
 * Called once at start: reads the address and starts training if the address requests it. The GPU is opened with the
 * first screen that uses it; the story does so only when it is asked to train.
 */
export function boot(): void {
  const address = readAddress(location.search, DEFAULT_SETTINGS);
  const query = withoutTracking(location.search);
  // A copied address should carry settings, not where the visitor came from.
  if (query !== location.search)
    history.replaceState(history.state, '', location.pathname + query + location.hash);
  useSettings.getState().choose(withKeptSettings(address));
  keepSettingsOnReload();
  followSettings();
  useSettings.setState({ addressProblems: address.problems });
  useUi.setState({ still: address.still, screen: screenOf(location) });
  if (address.autosave !== undefined) useSavedRun.setState({ every: address.autosave });

  if (!navigator.gpu) {
    const reason = isSecureContext ? 'noNavigatorGpu' : 'insecureContext';
    gpuRefused({ reason, error: null });
    return;
  }
  if (address.autostart) void openGpu().then((open) => open && train());
  const openUnlessStory = ({ screen }: { screen: Screen }) => {
    if (screen !== 'story') void openGpu();
  };
  openUnlessStory(useUi.getState());
  useUi.subscribe(openUnlessStory);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) client?.send({ type: 'save' });
  });
}

/**
 * Starts the worker and opens the GPU, once.
 * @returns a promise of whether it is open, which resolves when `useRun` has the adapter or the reason why there is none
 */
export function openGpu(): Promise<boolean> {
  opening ??= navigator.gpu ? startWorker() : Promise.resolve(false);
  return opening;
}

function startWorker(): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      client = new SessionClient((event) => {
        applyEvent(event);
        if (event.type === 'metrics') leaveSlowPreset(event.run);
        if (event.type === 'opened') {
          adaptToAdapter(event.report.isFallback);
          switchNumerics(numericsDefault(event.report.isFallback));
        }
        if (event.type === 'opened' || event.type === 'unsupported' || event.type === 'failed') {
          resolve(event.type === 'opened');
        }
      });
    } catch {
      gpuRefused({ reason: 'workerBlocked', error: null });
      resolve(false);
      return;
    }
    // The adapter's limits are planned with as soon as they are known.
    const open = () => client?.send({ type: 'open' });
    void loadPlanner().then(open, open);
  });
}

export function send(command: SessionCommand): void {
  client?.send(command);
}

type ChosenSettings = Pick<ReturnType<typeof useSettings.getState>, 'settings' | 'unread' | 'ownText'>;

/** The reason why Train cannot start now; null when it can. */
export function obstacle(chosen: ChosenSettings = useSettings.getState()): string | null {
  const { adapter } = useRun.getState();
  return obstacleOf(chosen, planProblem({ ...chosen, adapter, saving: useSavedRun.getState() }));
}

/** The reason why these settings cannot be trained, of which the plan finds `problem`; null when they can be. */
export function obstacleOf(
  { settings, unread, ownText }: ChosenSettings,
  problem: Problem | null,
): string | null {
  if (Object.keys(unread).length > 0) return 'A number cannot be read. Correct it in the settings.';
  if (settings.text === 'own' && ownText.state !== 'ready') {
    return ownText.state === 'checking'
      ? 'Your text is still being read.'
      : 'Choose a file or paste a text first.';
  }
  return problem && `${problem.message} ${problem.hint}`;
}

export function train(): void {
  trainModes(null);
}

/** The modes that were trained last in place of the chosen ones; null for those. */
let trained: Settings['modes'] | null = null;

/** @param modes to train with the settings as they are; null for the chosen ones */
function trainModes(modes: Settings['modes'] | null): void {
  const state = useSettings.getState();
  const settings = modes ? { ...state.settings, modes } : state.settings;
  if (obstacle({ ...state, settings }) !== null) return;
  trained = modes;
  trainRuns(runsOf(settings), state.settings);
}

/** Trains what was trained last, with the settings as they are: other modes only where others were chosen since. */
export function trainAgain(): void {
  const { startedWith } = useRun.getState();
  const chosen = useSettings.getState().settings.modes;
  trainModes(startedWith?.modes.join() === chosen.join() ? trained : null);
}

/** Trains the given runs: those of the settings, or variations of them. Does nothing while a run is training. */
export function trainRuns(runs: ReturnType<typeof runsOf>, settings: Settings): void {
  if (!client || isBusy(useRun.getState())) return;
  const configs = runs.map(({ config }) => config);
  const { schedule, samples, init, vocab } = settings;
  const modes = runs.map(({ mode }) => mode);
  beginRuns({ configs, schedule, startedWith: settings, modes });
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

/** The reason why the saved run cannot be resumed now; null when it can. */
export function resumeObstacle({ text }: SavedRun, { ownText } = useSettings.getState()): string | null {
  if (text.builtin !== null || ownText.state === 'ready') return null;
  return `It was trained on your file "${text.name}". To resume it, choose that file as your text again.`;
}

/**
 * Resumes a stored run, up to its planned end or with more steps. A run that has taken all its steps is shown in its
 * final state.
 * @param steps total number of steps
 */
export function resumeSavedRun(stored: StoredRun, steps = stored.config.steps): void {
  if (!client || isBusy(useRun.getState()) || resumeObstacle(stored) !== null) return;
  client.send({ type: 'cancelMeasuring' });
  const configs = [{ ...stored.config, steps }];
  const { every } = useSavedRun.getState();
  beginRuns({ configs, schedule: 'sequential' });
  clearNumerics(configs);
  runContinues(stored, stored.place);
  client.send({
    type: 'train',
    configs,
    schedule: 'sequential',
    text: textSource(stored.text.builtin ?? 'own'),
    resume: stored.place,
    autosaveMs: (every || AUTOSAVE_SECONDS) * 1000,
  });
}

export function removeSavedRun({ place }: Pick<StoredRun, 'place'>): void {
  client?.send({ type: 'forgetSave', place });
}

/** The modes whose difference this project demonstrates. */
const SHOWCASE_MODES = ['fp32', 'fp16', 'fp16-noscale'] as const;

/** Trains them with all other settings, and leaves the chosen modes for the next press of Train. */
export function compareShowcase(): void {
  if (!isBusy(useRun.getState())) trainModes(SHOWCASE_MODES);
}

export function pause(): void {
  if (useRun.getState().status === 'training') client?.send({ type: 'pause' });
}

export function resume(): void {
  if (useRun.getState().status === 'paused') client?.send({ type: 'resume' });
}

/** Stops after the current step. The run is still evaluated, and its model can be sampled. */
export function stop(): void {
  if (!isBusy(useRun.getState())) return;
  trainingStopping();
  client?.send({ type: 'stop' });
}

/** Ends the current run without evaluating it and trains with the current settings. */
export function restart(): void {
  if (obstacle() !== null) return;
  if (!isBusy(useRun.getState())) {
    trainAgain();
    return;
  }
  const forget = useRun.subscribe((state) => {
    if (isBusy(state)) return;
    forget();
    if (state.status !== 'lost') trainAgain();
  });
  trainingStopping();
  client?.send({ type: 'stop', abandon: true });
}

/** Switches histograms of the gradients on, every `interval` steps, or off; from the next step on. */
export function chooseNumerics(enabled: boolean, interval = useNumerics.getState().interval): void {
  rememberNumerics(enabled);
  useNumerics.setState({ interval });
  switchNumerics(enabled);
}

function switchNumerics(enabled: boolean): void {
  useNumerics.setState({ enabled });
  client?.send({ type: 'numerics', interval: enabled ? useNumerics.getState().interval : null });
}

/**
 * Inspects the weights, or the activations of the newest batch, once.
 * @param run the one to inspect where runs trained one after the other; otherwise all are on the GPU
 */
export function inspect(what: InspectedKind, run: number): void {
  const state = useRun.getState();
  const left = state.runs.length > 1 && state.schedule === 'sequential' && !isBusy(state);
  useNumerics.setState({ inspecting: what, error: null });
  client?.send({ type: 'inspect', what, ...(left && { run }) });
}

/** Lowers a preset that is too slow, before the first run costs the visitor a minute. */
function leaveSlowPreset(run: number): void {
  const log = logOf(run);
  const { status, schedule, purpose, startedWith } = useRun.getState();
  // In lockstep a step's time includes the other modes; sweeps and tables keep the preset they were started with.
  if (run !== 0 || !log || status !== 'training' || schedule === 'lockstep' || purpose !== 'training') return;
  if (startedWith === null) return; // a resumed run keeps its settings
  if (adaptToSpeed(log)) restart();
}

/** Restores the preset that the page lowered by itself, and restarts a run that trains with the lower one. */
export function undoPreset(): void {
  undoAdaptation();
  if (isBusy(useRun.getState())) restart();
}

/** @param run the one that writes; undefined for all that are on the GPU */
export function sample(request: SampleRequest, run?: number): void {
  sampleRequested();
  client?.send({ type: 'sample', request, ...(run !== undefined && { run }) });
}

/** Stops the sample; the text so far is kept. */
export function stopSample(): void {
  client?.send({ type: 'stopSample' });
}

/** Uses a file as the visitor's text. It is read in the worker and never leaves the device. */
export function takeOwnText(file: File): void {
  client?.send(readFile(file));
}

/** Uses the text at an http or https address. */
export function takeTextFrom(address: string): void {
  client?.send(readFrom(address));
}

export function cancelText(): void {
  const command = cancelReading();
  if (command) client?.send(command);
}

/** A different tokenizer finds a different vocabulary, so the text is read again. */
useSettings.subscribe(({ settings }, before) => {
  if (settings.tokenizer === before.settings.tokenizer && settings.init === before.settings.init) return;
  const command = readAgain();
  if (command) client?.send(command);
});

/** Where the worker gets the text: a built-in text, or the visitor's own. */
export function textSource(text: TextChoice): TextSource {
  if (text === 'own') return ownTextSource();
  return { kind: 'builtIn', id: text, folder: new URL('texts/', document.baseURI).href };
}
