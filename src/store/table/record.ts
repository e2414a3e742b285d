/** The article's table as it was made on this device, as it is kept between visits. */
import * as v from 'valibot';
import { type FittedRun, TABLE_MODES, TABLE_PRESETS, type UnscaledFindings } from '../../engine/index.ts';

const VERSION = 1;

const count = v.pipe(v.number(), v.minValue(0));
const names = v.array(v.string());

const row = v.object({
  mode: v.picklist(TABLE_MODES),
  batch: count,
  /** What a larger batch would exceed. */
  limitedBy: v.picklist(['budget', 'binding', 'range'] satisfies FittedRun['largest']['limitedBy'][]),
  /** Null where too few steps ran. */
  tokensPerSec: v.nullable(count),
  /** Bytes that the run allocated; before it has started, those of the plan. */
  bytes: count,
  /** Validation loss in nats after the last step; null when it was not finite. */
  valLoss: v.nullable(v.number()),
  steps: count,
  skippedSteps: count,
  /** Why the run ended early. */
  problem: v.nullable(v.string()),
});

const unscaled = v.object({
  lostShare: v.nullable(v.number()),
  withoutGradient: names,
  parameters: count,
  worst: v.array(v.object({ name: v.string(), share: v.number() })),
  nonFinite: names,
}) satisfies v.GenericSchema<UnscaledFindings>;

const tableRecord = v.object({
  version: v.literal(VERSION),
  /** When it was begun, in milliseconds since 1970. */
  time: v.number(),
  adapter: v.string(),
  preset: v.picklist(TABLE_PRESETS),
  steps: count,
  /** The memory that each run might take, in bytes. */
  budget: count,
  /** The plan's. */
  estimate: v.object({
    seconds: count,
    measured: v.picklist(TABLE_PRESETS),
    flopsPerSec: count,
    flopsPerToken: count,
    larger: v.nullable(v.object({ preset: v.picklist(TABLE_PRESETS), seconds: v.nullable(count) })),
  }),
  /** Seconds that the runs took; null before the last has ended. */
  seconds: v.nullable(count),
  /** The runs that have ended, in their order. */
  rows: v.array(row),
  /** What f16 loses without a scaler; null before that run has ended. */
  unscaled: v.nullable(unscaled),
});

export type TableRow = Readonly<v.InferOutput<typeof row>>;
export type TableRecord = Readonly<Omit<v.InferOutput<typeof tableRecord>, 'version'>>;

export function tableText(record: TableRecord): string {
  return JSON.stringify({ ...record, version: VERSION });
}

/** Null for what is no table that this version of the page can read. */
export function readTable(text: string | null): TableRecord | null {
  if (text === null) return null;
  try {
    const read = v.safeParse(tableRecord, JSON.parse(text));
    return read.success ? read.output : null;
  } catch {
    return null;
  }
}

/** The row of a mode; undefined before its run has ended. */
export function rowOfMode(table: Pick<TableRecord, 'rows'>, mode: TableRow['mode']): TableRow | undefined {
  return table.rows.find((one) => one.mode === mode);
}
