/** The three runs of the story as the stores have them, for the pure functions of `figures.ts`. */
import {
  type FormatId,
  gradientFormat,
  type LossCurve,
  type NumericsFrame,
  recipeFor,
} from '../../engine/index.ts';
import type { MetricsLog } from '../metricsLog.ts';
import { underflowOf, useNumerics } from '../numericsStore.ts';
import { logOf, type RunView, useRun, type Writing } from '../runStore.ts';
import type { UnderflowHistory } from '../underflowHistory.ts';
import { STORY_MODES } from './storyStore.ts';

/** A run of the story. */
export interface StoryArm {
  readonly run: RunView;
  readonly log: Pick<MetricsLog, 'length' | 'columns'>;
  /** The newest histograms of its gradients; null before the first. */
  readonly frame: NumericsFrame | null;
  readonly underflow: Pick<UnderflowHistory, 'length' | 'step' | 'worst'> | null;
  /** The text that it is writing now. */
  readonly writing: string | null;
}

/** Null where a run of that mode is not shown. */
export interface StoryArms {
  /** FP32. */
  readonly reference: StoryArm | null;
  /** f16 with loss scaling. */
  readonly scaled: StoryArm | null;
  /** f16 without it. */
  readonly unscaled: StoryArm | null;
}

/** The runs as of now: read them again at each `frame` of the run store. */
export function storyArms(): StoryArms {
  const [reference, scaled, unscaled] = STORY_MODES.map(armOf);
  return { reference: reference ?? null, scaled: scaled ?? null, unscaled: unscaled ?? null };
}

function armOf(mode: string): StoryArm | null {
  const { runs, writing } = useRun.getState();
  const index = runs.findIndex((run) => run.mode === mode);
  const [run, log] = [runs[index], logOf(index)];
  if (!run || !log) return null;
  return {
    run,
    log,
    frame: useNumerics.getState().frames.get(index)?.gradients ?? null,
    underflow: underflowOf(index) ?? null,
    writing: writing?.run === index ? textOf(writing) : null,
  };
}

function textOf({ tokens }: Writing): string {
  return tokens.map(({ text }) => text).join('');
}

/** The format in which the gradients of a run are stored. */
export function formatOf({ run }: Pick<StoryArm, 'run'>): FormatId {
  return gradientFormat(recipeFor(run.config));
}

export function curveOf({ log, run }: Pick<StoryArm, 'log' | 'run'>): LossCurve {
  const { step, loss } = log.columns;
  return {
    steps: step.subarray(0, log.length),
    losses: loss.subarray(0, log.length),
    planned: run.config.steps,
  };
}
