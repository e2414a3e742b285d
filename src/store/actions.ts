import { SessionClient } from '../session/client.ts';
import type { SampleRequest, TextSource } from '../session/protocol.ts';
import { readAddress } from './address.ts';
import { applyEvent } from './events.ts';
import { cancelReading, ownTextSource, readFile, readFrom } from './ownText.ts';
import { planProblem } from './plan.ts';
import { beginRuns, isBusy, useRun } from './runStore.ts';
import { configsOf, DEFAULT_SETTINGS, type Settings } from './settings.ts';
import { useSettings } from './settingsStore.ts';
import { useUi } from './uiStore.ts';

let client: SessionClient | null = null;

/** Called once: reads the address, looks for a GPU and, if the address asks for it, trains. */
export function boot(): void {
  const address = readAddress(location.search, DEFAULT_SETTINGS);
  useSettings.getState().choose(address.settings);
  useSettings.setState({ addressProblems: address.problems });
  useUi.setState({ still: address.still });

  if (!navigator.gpu) {
    const reason = isSecureContext ? 'noNavigatorGpu' : 'insecureContext';
    useRun.setState({ unsupported: { reason, error: null } });
    return;
  }
  try {
    client = new SessionClient((event) => {
      applyEvent(event);
      if (event.type !== 'opened') return;
      adaptPreset(event.report.isFallback);
      if (address.autostart) train();
    });
  } catch {
    // A page in a sandboxed frame may not start workers.
    useRun.setState({ unsupported: { reason: 'blockedByPolicy', error: null } });
    return;
  }
  client.send({ type: 'open' });
}

/** A software adapter is some hundred times slower than a GPU: there the smallest preset is the kind default. */
function adaptPreset(isFallback: boolean): void {
  const { presetChosen } = useSettings.getState();
  if (presetChosen || !isFallback) return;
  useSettings.setState((state) => ({ settings: { ...state.settings, preset: 'smoke' } }));
  useUi.setState({ presetAdapted: true });
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
  if (!client || isBusy(useRun.getState().status) || obstacle() !== null) return;
  const { settings } = useSettings.getState();
  const configs = configsOf(settings);
  beginRuns(configs);
  const { samples } = settings;
  const text = textSource(settings);
  client.send({ type: 'train', configs, text, ...(samples !== null && { samples }) });
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

function textSource({ text }: Settings): TextSource {
  if (text === 'own') return ownTextSource();
  return { kind: 'builtIn', id: text, folder: new URL('texts/', document.baseURI).href };
}
