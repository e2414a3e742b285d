/** The lines of `--json`. Scripts rely on the fields and their order. */

import type {
  EvalMetrics,
  NumericsFrame,
  RunSummary,
  RunWarning,
  SharpnessMetrics,
  StepMetrics,
} from '../engine/index.ts';

export function stepLine(metrics: StepMetrics): string {
  const { step, loss, lossScale, skipped, gradNorm, logZ, lr, rms, skippedTensors, stage } = metrics;
  const measured = {
    ...(logZ !== undefined && { logZ }),
    ...(rms && { rms: rms.byTensor }),
    ...(skippedTensors && { skippedTensors }),
    ...(stage && { stage: stage.mode, cost: stage.cost }),
  };
  return line('step', { step, loss, lossScale, skipped, gradNorm, lr, ...measured });
}

export function evalLine({ step, valLoss, emaLoss }: EvalMetrics): string {
  return line('eval', { step, valLoss, ...(emaLoss !== undefined && { emaLoss }) });
}

export function sharpnessLine(metrics: SharpnessMetrics): string {
  return line('sharpness', { ...metrics });
}

/**
 * Shares are of the nonzero values, and null when all values are zero. `sqnrDb` is null when nothing was lost and when
 * values are not finite.
 */
export function numericsLine({ step, scale, noise, longRun }: NumericsFrame): string {
  const tensors = noise.map(({ name, kind, format, sqnr, saturated, underflow, amax, kurtosis }) => ({
    ...{ name, kind, format, sqnrDb: sqnr },
    ...(amax === 0 ? { saturated: null, underflow: null } : { saturated, underflow }),
    ...{ amax, kurtosis },
  }));
  return line('numerics', { step, lossScale: scale, tensors, ...longRun });
}

export function warningLine({ kind, step, message, hint }: RunWarning): string {
  return line('trouble', { kind, step, message, hint });
}

export function summaryLine(summary: RunSummary): string {
  return line('summary', { ...summary });
}

/** Non-finite numbers become null, because JSON cannot represent them. */
function line(type: string, fields: Record<string, unknown>): string {
  return `${JSON.stringify({ type, ...fields })}\n`;
}
