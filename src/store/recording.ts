/** Reads the recorded run that is served with the page. */
import * as v from 'valibot';
import { configure, PRESET_NAMES, PRESETS, type TrainConfig } from '../engine/index.ts';
import { count, figure, finite } from '../session/metricsSchema.ts';
import { precisionMode } from './precisionSchema.ts';
import { FRAMES, framesOf, TENSORS } from './story/recordedFrames.ts';

const MAX_STEPS = 10_000;
const text = (most: number) => v.pipe(v.string(), v.maxLength(most));
const column = <T extends v.GenericSchema>(item: T) => v.pipe(v.array(item), v.maxLength(MAX_STEPS));

/** The figures of a summary that the page shows; others are kept. */
const summary = v.looseObject({
  adapter: text(1000),
  precision: precisionMode,
  storage: v.nullable(v.picklist(['native', 'packed'])),
  params: count,
  steps: count,
  appliedSteps: count,
  skippedSteps: count,
  lossScale: finite,
  firstLoss: figure,
  finalLoss: figure,
  valLoss: figure,
  tokensPerSec: figure,
  msPerStep: figure,
  gpuMsPerStep: v.optional(figure, null),
  gradientsFlushed: v.optional(figure, null),
  mfu: figure,
  memory: v.objectWithRest({ total: count, activations: count, batch: count }, count),
  kernels: v.record(text(100), text(2000)),
});

const run = v.pipe(
  v.object({
    summary,
    loss: v.pipe(column(figure), v.minLength(1)),
    gradNorm: column(figure),
    learningRate: column(finite),
    lossScale: column(v.pipe(finite, v.minValue(2 ** -149))),
    skipped: column(count),
    evals: column(v.tuple([count, figure])),
    samples: v.optional(column(v.object({ step: count, text: text(10_000) })), []),
    numerics: v.optional(FRAMES, { formats: [], frames: [] }),
  }),
  v.check(
    ({ loss, gradNorm, learningRate, lossScale }) =>
      [gradNorm, learningRate, lossScale].every(({ length }) => length === loss.length),
    'The columns of a run must be equally long',
  ),
);

const RECORDING = v.pipe(
  v.object({
    date: v.pipe(v.string(), v.isoDate()),
    preset: v.picklist(PRESET_NAMES),
    steps: v.pipe(count, v.minValue(1), v.maxValue(MAX_STEPS)),
    runs: v.pipe(v.array(run), v.minLength(1), v.maxLength(8)),
    tensors: v.optional(TENSORS, []),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      for (const { numerics } of dataset.value.runs) framesOf(dataset.value.tensors, numerics);
    } catch (cause) {
      addIssue({ message: (cause as RangeError).message });
    }
  }),
);
export type Recording = v.InferOutput<typeof RECORDING>;

/** Where and when the recorded run was trained. */
export interface RecordingFacts {
  readonly date: string;
  readonly adapter: string;
  readonly preset: string;
  readonly steps: number;
}

/**
 * Loads the recording that is served with the page.
 * @throws Error when it is not served or not valid
 */
export async function loadRecording(): Promise<Recording> {
  const response = await fetch(new URL('recorded-run.json', document.baseURI));
  if (!response.ok) throw new Error(`recorded-run.json: HTTP ${response.status}`);
  return readRecording(await response.json());
}

/** @throws ValiError when `json` is not a recording */
export function readRecording(json: unknown): Recording {
  return v.parse(RECORDING, json);
}

export function factsOf({ date, preset, steps, runs }: Recording): RecordingFacts {
  return { date, steps, preset: PRESETS[preset].title, adapter: runs[0]!.summary.adapter };
}

/** The configurations of the recorded runs. */
export function configsOf({ preset, steps, runs }: Recording): TrainConfig[] {
  return runs.map(({ summary: { precision } }) => configure(PRESETS[preset].config, { precision, steps }));
}
