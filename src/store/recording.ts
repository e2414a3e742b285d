/** A recorded run for pages that cannot train. It fills the same stores and is drawn by the same charts. */
import * as v from 'valibot';
import { configure, PRESET_NAMES, PRESETS } from '../engine/index.ts';
import type { RunSummary } from '../session/protocol.ts';
import { precisionMode } from './precisionSchema.ts';
import { beginRuns, logOf, updateRun, useRun } from './runStore.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const figure = v.nullable(v.number());

const RECORDING = v.object({
  date: v.pipe(v.string(), v.isoDate()),
  preset: v.picklist(PRESET_NAMES),
  steps: count,
  runs: v.array(
    v.object({
      summary: v.looseObject({ adapter: v.string(), precision: precisionMode }),
      loss: v.array(figure),
      gradNorm: v.array(figure),
      learningRate: v.array(v.number()),
      lossScale: v.array(v.number()),
      skipped: v.array(count),
      evals: v.array(v.tuple([count, figure])),
    }),
  ),
});
type Recording = v.InferOutput<typeof RECORDING>;

/** Where and when the recorded run was trained. */
export interface RecordingFacts {
  readonly date: string;
  readonly adapter: string;
  readonly preset: string;
  readonly steps: number;
}

/**
 * Loads the recording that is served with the page and shows it.
 * @throws Error when it is not served or not valid
 */
export async function showRecording(): Promise<RecordingFacts> {
  const response = await fetch(new URL('recorded-run.json', document.baseURI));
  if (!response.ok) throw new Error(`recorded-run.json: HTTP ${response.status}`);
  const recording = readRecording(await response.json());
  show(recording);
  const { date, preset, steps, runs } = recording;
  return { date, steps, preset: PRESETS[preset].title, adapter: runs[0]?.summary.adapter ?? '' };
}

/** @throws ValiError when `json` is not a recording */
export function readRecording(json: unknown): Recording {
  return v.parse(RECORDING, json);
}

export function show({ preset, steps, runs }: Recording): void {
  beginRuns(
    runs.map(({ summary: { precision } }) => configure(PRESETS[preset].config, { precision, steps })),
    'sequential',
  );
  for (const [index, run] of runs.entries()) {
    const summary = run.summary as unknown as RunSummary;
    fillLog(index, run, summary.msPerStep ?? 0);
    updateRun(index, { latest: logOf(index)?.at(-1) ?? null, summary });
  }
  // The status is idle, because nothing is training and the page's title must not say otherwise.
  useRun.setState({ status: 'idle', frame: 1 });
}

function fillLog(index: number, run: Recording['runs'][number], msPerStep: number): void {
  const log = logOf(index);
  const skipped = new Set(run.skipped);
  let skippedSteps = 0;
  for (const [i, loss] of run.loss.entries()) {
    const step = i + 1;
    if (skipped.has(step)) skippedSteps += 1;
    log?.push({
      step,
      loss,
      lossScale: run.lossScale[i] ?? 1,
      skipped: skipped.has(step),
      overflow: null,
      gradNorm: run.gradNorm[i] ?? null,
      lr: run.learningRate[i] ?? 0,
      appliedSteps: step - skippedSteps,
      skippedSteps,
      time: step * msPerStep,
      gpuMs: null,
    });
  }
  log?.evals.push(...run.evals.map(([step, valLoss]) => ({ step, valLoss })));
}
