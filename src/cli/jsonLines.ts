/** The lines of `--json`: the fields and their order are a promise to scripts. */

import type {
  EvalMetrics,
  NumericsFrame,
  RunSummary,
  RunWarning,
  SharpnessMetrics,
  StepMetrics,
} from '../engine/index.ts';

export function stepLine({ step, loss, lossScale, skipped, gradNorm, lr }: StepMetrics): string {
  return line('step', { step, loss, lossScale, skipped, gradNorm, lr });
}

export function evalLine({ step, valLoss }: EvalMetrics): string {
  return line('eval', { step, valLoss });
}

export function sharpnessLine(metrics: SharpnessMetrics): string {
  return line('sharpness', { ...metrics });
}

/** Shares are of the values that are not zero, and null where all are; `sqnrDb` is null where nothing was lost and where values are not finite. */
export function numericsLine({ step, scale, noise }: NumericsFrame): string {
  const tensors = noise.map(({ name, kind, format, sqnr, saturated, underflow, amax }) => ({
    ...{ name, kind, format, sqnrDb: sqnr },
    ...(amax === 0 ? { saturated: null, underflow: null } : { saturated, underflow }),
    amax,
  }));
  return line('numerics', { step, lossScale: scale, tensors });
}

export function troubleLine({ kind, step, message, hint }: RunWarning): string {
  return line('trouble', { kind, step, message, hint });
}

export function summaryLine(summary: RunSummary): string {
  return line('summary', { ...summary });
}

/** JSON has no word for numbers that are not finite: JSON.stringify writes null. */
function line(type: string, fields: Record<string, unknown>): string {
  return `${JSON.stringify({ type, ...fields })}\n`;
}
