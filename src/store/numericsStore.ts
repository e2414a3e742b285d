import { create } from 'zustand';
import { gradientFormat, recipeFor, type TrainConfig } from '../engine/index.ts';
import type { ErrorReport, InspectedKind, NumericsFrame } from '../session/protocol.ts';
import { recall, remember } from './preferences.ts';
import { Pulse } from './pulse.ts';
import { UnderflowHistory } from './underflowHistory.ts';

export type NumericsView = 'gradients' | InspectedKind;

interface NumericsState {
  readonly enabled: boolean;
  /** Steps between histograms. */
  readonly interval: number;
  /** Newest frame of each kind by run; absent until the first has arrived. */
  readonly frames: ReadonlyMap<number, Partial<Record<NumericsView, NumericsFrame>>>;
  /** What the worker is inspecting. */
  readonly inspecting: InspectedKind | null;
  readonly error: ErrorReport | null;
}

export const useNumerics = create<NumericsState>()(() => ({
  enabled: false,
  interval: 20,
  frames: new Map(),
  inspecting: null,
  error: null,
}));

/** Frames that arrived since the last redraw: they may come faster than the page is redrawn. */
let arrived = new Map<number, NumericsFrame>();
let histories: readonly UnderflowHistory[] = [];
const pulse = new Pulse(showFrames);

/**
 * Underflow shares of a run over its steps. The object grows without changing identity, so components read it again at
 * each frame.
 */
export function underflowOf(run: number): UnderflowHistory | undefined {
  return histories[run];
}

export function clearNumerics(configs: readonly TrainConfig[]): void {
  arrived = new Map();
  histories = configs.map((config) => new UnderflowHistory(config.layers, gradientFormat(recipeFor(config))));
  useNumerics.setState({ frames: new Map(), inspecting: null, error: null });
}

/** Sets the frames of the shown runs aside, as `setRunsAside` does the runs. @returns shows them again */
export function setNumericsAside(): () => void {
  showFrames();
  const { frames } = useNumerics.getState();
  const kept = histories;
  return () => {
    arrived = new Map();
    histories = kept;
    useNumerics.setState({ frames, inspecting: null, error: null });
  };
}

export function takeFrame(run: number, frame: NumericsFrame): void {
  histories[run]?.push(frame);
  arrived.set(run, frame);
  pulse.request();
}

export function takeInspection(run: number, what: InspectedKind, frame: NumericsFrame): void {
  useNumerics.setState(({ frames }) => ({
    frames: new Map(frames).set(run, { ...frames.get(run), [what]: frame }),
    inspecting: null,
  }));
}

/** Shows the frames that have arrived now, instead of at the next redraw. */
export function showFrames(): void {
  if (arrived.size === 0) return;
  useNumerics.setState((state) => {
    const frames = new Map(state.frames);
    for (const [run, gradients] of arrived) frames.set(run, { ...frames.get(run), gradients });
    return { frames };
  });
  arrived = new Map();
}

const PREFERENCE = 'numerics';

/** On for GPUs, where counting is cheap, and off on software adapters, unless the visitor chose otherwise. */
export function numericsDefault(isFallback: boolean): boolean {
  const chosen = recall(PREFERENCE);
  return chosen ? chosen === 'on' : !isFallback;
}

export function rememberNumerics(enabled: boolean): void {
  remember(PREFERENCE, enabled ? 'on' : 'off');
}
