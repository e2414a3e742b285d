/**
 * What is kept of a run, in the browser's database and in bundles. Everything that comes back from either passes
 * through this schema: databases are written by other versions of the page, and bundles by anyone.
 */
import * as v from 'valibot';
import {
  currentFields,
  FIELDS,
  type Field,
  rowOf,
  runChanges,
  schemaOf,
  type TrainConfig,
} from '../../engine/index.ts';
import {
  count,
  evalMetrics,
  figure,
  finite,
  sharpnessMetrics,
  stageStart,
} from '../../session/metricsSchema.ts';
import { perFigure } from '../../session/optionalFigures.ts';
import { plainName } from '../plainName.ts';
import { precisionMode, variant } from '../precisionSchema.ts';

/** Raised when a record of the old form can no longer be read as one of the new. */
export const RECORD_VERSION = 1;

export const MAX_NAME = 80;
export const MAX_NOTE = 2000;
export const MAX_SAMPLES = 20;
const MAX_TEXT = 100_000;
/** More than `curveOf` ever keeps. */
const MAX_CURVE_POINTS = 10_000;

const text = (most: number) => v.pipe(v.string(), v.maxLength(most));
const id = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/, 'An id has at most 64 letters, digits, - and _'));

/** Why a family of kernels is not used may take many words. */
const kernels = v.record(text(100), text(2000));

const memory = v.objectWithRest({ total: count }, count);

const setting = v.union([text(200), finite, v.boolean(), v.null()]);

/**
 * What the table says of a setting. Numbers may be any: what a version allowed is its own. A record without the setting is
 * older than it, and had the default.
 */
function stored(field: Field): v.GenericSchema {
  const row = rowOf(field);
  const value = row.kind === 'number' ? finite : row.kind === 'name' ? text(200) : schemaOf(field);
  return v.optional(row.default === null ? v.nullable(value) : value, row.default);
}

/** A training configuration: what is read here must be there; what this version does not know is kept by its name. */
const config = v.pipe(
  v.record(v.string(), v.unknown()),
  v.transform(currentFields),
  v.objectWithRest(
    {
      ...(Object.fromEntries(FIELDS.map((field) => [field, stored(field)])) as StoredSettings),
      precision: precisionMode,
      steps: count,
      seed: count,
      batch: count,
      context: count,
      accumulation: count,
    },
    setting,
  ),
);
type StoredSettings = { [Of in Field]: v.GenericSchema<TrainConfig[Of]> };

const facts = v.object({
  parameters: count,
  storage: v.nullable(v.picklist(['native', 'packed'])),
  memory,
  kernels,
  // Other versions of the page did not record them.
  changes: v.optional(runChanges, []),
  text: v.object({
    name: v.pipe(text(1000), v.transform(plainName)),
    bytes: count,
    tokens: count,
    vocabulary: count,
  }),
  start: v.object({ weights: text(16), batches: text(16) }),
});

const summary = v.object({
  adapter: text(1000),
  steps: count,
  appliedSteps: count,
  skippedSteps: count,
  lossScale: finite,
  firstLoss: figure,
  finalLoss: figure,
  valLoss: figure,
  emaLoss: v.exactOptional(figure),
  best: v.exactOptional(v.object({ step: count, valLoss: finite })),
  endedEarly: v.exactOptional(v.literal(true)),
  tokensPerSec: figure,
  msPerStep: figure,
  // Other versions of the page did not measure these.
  gpuMsPerStep: v.optional(figure, null),
  gradientsFlushed: v.optional(figure, null),
  mfu: figure,
});

const column = <T extends v.GenericSchema>(item: T) => v.pipe(v.array(item), v.maxLength(MAX_CURVE_POINTS));

/** Rows of the run's log, in columns: those that its lines need, and no others. */
const curve = v.pipe(
  v.object({
    step: column(count),
    loss: column(figure),
    smoothed: column(figure),
    scaleLog2: column(finite),
    gradNorm: column(figure),
    ...perFigure(() => v.exactOptional(column(figure))),
    lr: column(finite),
    skippedSteps: column(count),
    /** Milliseconds of training. */
    time: column(finite),
    tokensPerSec: column(figure),
    skips: column(v.object({ step: count, overflow: v.nullable(text(200)) })),
    /** Only of runs with a precision schedule. */
    stages: v.exactOptional(column(stageStart)),
  }),
  v.check(
    ({ skips: _, stages: __, ...columns }) =>
      Object.values(columns).every(({ length }) => length === columns.step.length),
    'The columns of a curve must be equally long',
  ),
  v.check(
    ({ step }) => step.every((value, i) => i === 0 || value > step[i - 1]!),
    'The steps of a curve must increase',
  ),
);

export const runRecord = v.object({
  version: v.literal(RECORD_VERSION),
  id,
  /** Shared by the runs of one press of Train. */
  start: id,
  name: v.pipe(text(MAX_NAME), v.transform(plainName), v.trim(), v.nonEmpty()),
  note: text(MAX_NOTE),
  starred: v.boolean(),
  /** When it ended, in milliseconds since 1970. */
  time: v.pipe(count, v.maxValue(8.64e15)),
  outcome: v.picklist(['finished', 'stopped', 'failed']),
  /** Why it failed. */
  error: v.nullable(v.object({ code: text(100), message: text(MAX_TEXT), hint: text(MAX_TEXT) })),
  preset: text(100),
  config,
  /** What it went by in its comparison; null where its mode alone says it, and of variants that this version has not. */
  variant: v.optional(v.fallback(v.nullable(variant), null), null),
  facts,
  summary: v.nullable(summary),
  evals: column(evalMetrics),
  // Other versions of the page did not measure it.
  sharpness: v.optional(column(sharpnessMetrics), []),
  curve,
  samples: v.pipe(
    v.array(v.object({ prompt: text(MAX_TEXT), text: text(MAX_TEXT), step: count })),
    v.maxLength(MAX_SAMPLES),
  ),
});

export type RunRecord = v.InferOutput<typeof runRecord>;
export type RunCurve = RunRecord['curve'];

/** Where and why, for people: `runs[2].curve.loss[17]: expected number, received "x"`. */
export function describeIssue(issue: v.BaseIssue<unknown>): string {
  const path = (issue.path ?? []).map(({ key }) =>
    typeof key === 'number' ? `[${key}]` : `.${String(key)}`,
  );
  const place = path.join('').replace(/^\./, '');
  return `${shorten(place || 'the whole', 80)}: ${shorten(issue.message, 160)}`;
}

/** What others wrote is quoted only in part. */
function shorten(words: string, most: number): string {
  return words.length > most ? `${words.slice(0, most - 1)}…` : words;
}
