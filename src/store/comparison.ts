/** Converts the runs on the page into the engine's comparison input. */

import {
  type ComparedRun,
  comparedModes,
  hasEnded,
  type SpeedClock,
  tokensPerStep,
} from '../engine/index.ts';
import type { Schedule } from '../session/protocol.ts';
import type { MetricsLog } from './metricsLog.ts';
import { logOf, type RunView } from './runStore.ts';

/** Index of a run's mode among the compared modes, which decides its colour whatever its seed. */
export function modePlace(runs: readonly Pick<RunView, 'mode'>[], run: number): number {
  const mode = runs[run]?.mode;
  return mode === undefined ? 0 : comparedModes(runs).indexOf(mode);
}

/** The runs that have ended. */
export function endedRuns(
  runs: readonly Pick<RunView, 'mode' | 'config' | 'summary' | 'error'>[],
  schedule: Schedule,
  log: (run: number) => MetricsLog | undefined = logOf,
): ComparedRun[] {
  return runs.flatMap((run, index) => {
    const steps = log(index);
    if (!steps || !hasEnded(run)) return [];
    const times = ownTimes(steps, schedule);
    return [
      {
        mode: run.mode,
        seed: run.config.seed,
        failed: run.error !== null,
        steps: steps.columns.step.subarray(0, steps.length),
        losses: steps.columns.loss.subarray(0, steps.length),
        evals: steps.evals.map(({ step, valLoss }) => ({
          step,
          valLoss,
          seconds: times && (times[steps.indexAt(step)] ?? 0) / 1000,
        })),
        times,
        tokensPerSec: ownSpeed(run, schedule),
      },
    ];
  });
}

/** The clock that measures a run alone: in lockstep the wall clock includes the steps of the others. */
export function clockOf(schedule: Schedule): SpeedClock {
  return schedule === 'lockstep' ? 'gpu' : 'wall';
}

/** Milliseconds of the run's own time at each step; null where a step's GPU time is not known. */
function ownTimes(log: MetricsLog, schedule: Schedule): Float64Array | null {
  const { time, gpuMs } = log.columns;
  if (clockOf(schedule) === 'wall') return time.subarray(0, log.length);
  let sum = 0;
  const times = Float64Array.from({ length: log.length }, (_, i) => (sum += gpuMs[i]!));
  return Number.isNaN(sum) ? null : times;
}

function ownSpeed(
  { config, summary }: Pick<RunView, 'config' | 'summary'>,
  schedule: Schedule,
): number | null {
  if (!summary) return null;
  if (clockOf(schedule) === 'wall') return summary.tokensPerSec;
  return summary.gpuMsPerStep === null ? null : tokensPerStep(config) / (summary.gpuMsPerStep / 1000);
}
