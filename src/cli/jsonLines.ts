/** The lines of `--json`. Scripts rely on the fields and their order. */

import {
  columnsOf,
  type EvalMetrics,
  EXPONENT_BIAS,
  NON_FINITE_BIN,
  type NumericsFrame,
  type RunSummary,
  type RunWarning,
  rowCounts,
  type SharpnessMetrics,
  STORE_NUMBERS,
  type StepMetrics,
  UPDATE_NUMBERS,
  ZERO_BIN,
} from '../engine/index.ts';

export function stepLine(metrics: StepMetrics): string {
  const { step, loss, lossScale, skipped, gradNorm, logZ, lr, rms, skippedTensors, stage, noise } = metrics;
  const measured = {
    ...(logZ !== undefined && { logZ }),
    ...(rms && { rms: rms.byTensor }),
    ...(skippedTensors && { skippedTensors }),
    ...(stage?.stage !== undefined && { stage: stage.mode }),
    ...(stage && stage.stage === undefined && { levels: stage.mode.split(' ') }),
    ...(stage && { cost: stage.cost }),
    ...(noise && { noise }),
  };
  return line('step', { step, loss, lossScale, skipped, gradNorm, lr, ...measured });
}

export function evalLine({ step, valLoss, emaLoss }: EvalMetrics): string {
  return line('eval', { step, valLoss, ...(emaLoss !== undefined && { emaLoss }) });
}

export function sharpnessLine(metrics: SharpnessMetrics): string {
  return line('sharpness', { ...metrics });
}

/** A text that the model wrote after `step`. */
export function sampleLine(step: number, text: string): string {
  return line('sample', { step, text });
}

/**
 * Shares are of the nonzero values, and null when all values are zero. `sqnrDb` is null when nothing was lost and when
 * values are not finite.
 */
export function numericsLine(frame: NumericsFrame): string {
  const { step, scale, noise, updates, longRun } = frame;
  const tensors = noise.map((row) => {
    const { name, kind, format } = row;
    return { name, kind, format, ...valuesOf(STORE_NUMBERS, row) };
  });
  const ofUpdates = updates?.map((row) => ({ name: row.name, ...valuesOf(UPDATE_NUMBERS, row) }));
  const exponents = frame.rows.map(({ name, kind, layer, format }, row) => ({
    ...{ name, kind, block: layer, format },
    ...exponentsOf(rowCounts(frame, row)),
  }));
  const measured = { tensors, ...(ofUpdates && { updates: ofUpdates }) };
  return line('numerics', { step, lossScale: scale, ...measured, exponents, ...longRun });
}

/** The measured numbers of a tensor, by their keys in these lines. */
function valuesOf<T extends typeof STORE_NUMBERS | typeof UPDATE_NUMBERS>(
  table: T,
  row: Readonly<Record<keyof T, number | null>>,
): Record<string, number | null> {
  return Object.fromEntries(columnsOf(table).map(({ key, json }) => [json, row[key]]));
}

/** Counts of values from 2^`lowest` on, one for each exponent, with the loss scale; `lowest` is null when there are none. */
function exponentsOf(bins: Uint32Array): Record<string, unknown> {
  const finite = [...bins.subarray(ZERO_BIN + 1, NON_FINITE_BIN)];
  const first = finite.findIndex((count) => count > 0);
  return {
    zeros: bins[ZERO_BIN],
    nonFinite: bins[NON_FINITE_BIN],
    lowest: first < 0 ? null : first + ZERO_BIN + 1 - EXPONENT_BIAS,
    counts: first < 0 ? [] : finite.slice(first, finite.findLastIndex((count) => count > 0) + 1),
  };
}

export function warningLine({ kind, step, message, hint }: RunWarning): string {
  return line('warning', { kind, step, message, hint });
}

export function summaryLine(summary: RunSummary): string {
  return line('summary', { ...summary });
}

/** Non-finite numbers become null, because JSON cannot represent them. */
function line(type: string, fields: Record<string, unknown>): string {
  return `${JSON.stringify({ type, ...fields })}\n`;
}
