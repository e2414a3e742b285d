/** Makes runs to plot from given steps. */
import type { PlottedRun } from '../../../src/app/charts/plottedRun.ts';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import type { TimedStep } from '../../../src/session/protocol.ts';
import { MetricsLog } from '../../../src/store/metricsLog.ts';

export const CONFIG = { ...PRESETS.smoke.config, precision: 'fp16' } as const;

export function plottedRun(
  count: number,
  change: (step: number) => Partial<TimedStep> = () => ({}),
  about: Partial<PlottedRun> = {},
): PlottedRun {
  const log = new MetricsLog(count);
  for (let step = 1; step <= count; step++) {
    log.push({
      step,
      loss: 4 / step,
      lossScale: 65536,
      skipped: false,
      overflow: null,
      gradNorm: 0.5,
      lr: 1e-3,
      appliedSteps: step,
      skippedSteps: 0,
      gpuMs: null,
      time: step * 10,
      ...change(step),
    });
  }
  return { title: 'Mixed f16', mode: 'fp16', log, config: CONFIG, memoryBytes: 2 ** 22, ...about };
}
