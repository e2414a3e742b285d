/** Fills the stores of the runs from a recording, up to any moment of it, as training fills them. */
import type { EvalMetrics, NumericsFrame } from '../../engine/index.ts';
import type { RunSummary, SampleText, TimedStep } from '../../session/protocol.ts';
import { clearNumerics, showFrames, takeFrame } from '../numericsStore.ts';
import { configsOf, factsOf, loadRecording, type Recording, type RecordingFacts } from '../recording.ts';
import { logOf, useRun } from '../runStore.ts';
import { beginRuns, figuresArrived, runEnded, sampleWritten } from '../runTransitions.ts';
import { framesOf } from './recordedFrames.ts';

/** What a run still has to show, each list in ascending order of steps. */
interface Waiting {
  readonly steps: TimedStep[];
  readonly evals: EvalMetrics[];
  readonly frames: NumericsFrame[];
  readonly samples: SampleText[];
  readonly summary: RunSummary;
}

export class Replay {
  readonly #steps: number;
  readonly #waiting: readonly Waiting[];

  /** Replaces the shown runs by those of the recording, before their first step. */
  constructor(recording: Recording) {
    const configs = configsOf(recording);
    this.#steps = recording.steps;
    this.#waiting = recording.runs.map((run) => waitingOf(run, recording));
    beginRuns({ configs, schedule: 'sequential', purpose: 'recording' });
    clearNumerics(configs);
  }

  /** Whether the recorded runs are still those that are shown. */
  get isShown(): boolean {
    return useRun.getState().purpose === 'recording';
  }

  /** Shows the runs up to `share` of their steps; 1 for their end. */
  advance(share: number): void {
    const last = share >= 1 ? Number.POSITIVE_INFINITY : share * this.#steps;
    for (const [index, { steps, evals, frames }] of this.#waiting.entries()) {
      const log = logOf(index)!;
      for (const step of until(steps, last)) log.push(step);
      log.evals.push(...until(evals, last));
      for (const frame of until(frames, last)) takeFrame(index, frame);
    }
    showFrames();
    for (const [index, { samples, summary }] of this.#waiting.entries()) {
      for (const sample of until(samples, last)) sampleWritten(index, sample);
      if (share >= 1) runEnded(index, summary);
    }
    figuresArrived();
  }
}

/** Removes and returns the items up to step `last`. */
function until<T extends { readonly step: number }>(items: T[], last: number): T[] {
  const after = items.findIndex(({ step }) => step > last);
  return items.splice(0, after < 0 ? items.length : after);
}

function waitingOf(run: Recording['runs'][number], { tensors }: Recording): Waiting {
  // The recorded figures are a part of a summary; the page shows no others.
  const summary = run.summary as unknown as RunSummary;
  return {
    steps: stepsOf(run, summary.msPerStep ?? 0),
    evals: run.evals.map(([step, valLoss]) => ({ step, valLoss })).toSorted((a, b) => a.step - b.step),
    frames: framesOf(tensors, run.numerics).toSorted((a, b) => a.step - b.step),
    samples: run.samples.map((sample) => sampleOf(sample, run)).toSorted((a, b) => a.step - b.step),
    summary,
  };
}

function stepsOf(run: Recording['runs'][number], msPerStep: number): TimedStep[] {
  const skipped = new Set(run.skipped);
  let skippedSteps = 0;
  return run.loss.map((loss, i) => {
    const step = i + 1;
    if (skipped.has(step)) skippedSteps += 1;
    return {
      step,
      loss,
      lossScale: run.lossScale[i]!,
      skipped: skipped.has(step),
      overflow: null,
      gradNorm: run.gradNorm[i]!,
      lr: run.learningRate[i]!,
      appliedSteps: step - skippedSteps,
      skippedSteps,
      time: step * msPerStep,
      gpuMs: null,
    };
  });
}

function sampleOf(
  { step, text }: { readonly step: number; readonly text: string },
  run: Recording['runs'][number],
): SampleText {
  return {
    ...{ kind: 'live', step, text, loss: run.loss[step - 1] ?? null },
    ...{ prompt: '', length: text.length, temperature: 0.8, topK: 40, seed: 0 },
    ...{ ids: [], tokens: [], tokensPerSec: null },
  };
}

/** A recording that has been read. */
export interface LoadedRecording {
  readonly facts: RecordingFacts;
  /** Begins to show it. */
  replay(): Replay;
}

/**
 * Loads the recording that is served with the page.
 * @throws Error when it is not served or not valid
 */
export async function loadReplay(): Promise<LoadedRecording> {
  const recording = await loadRecording();
  return { facts: factsOf(recording), replay: () => new Replay(recording) };
}

/**
 * Loads the recording and shows it.
 * @throws Error as {@link loadReplay}
 */
export async function showRecording(): Promise<RecordingFacts> {
  const { facts, replay } = await loadReplay();
  replay().advance(1);
  return facts;
}
