/** The runs on the page as the engine's comparison takes them, and the proof that they began alike. */
import type { ComparedRun } from '../engine/experiments/comparison.ts';
import type { SpeedClock } from '../engine/experiments/speed.ts';
import type { PrecisionMode } from '../engine/precision/recipes.ts';
import { type TrainConfig, tokensPerStep } from '../engine/train/config.ts';
import type { Schedule } from '../session/protocol.ts';
import type { MetricsLog } from './metricsLog.ts';
import { logOf, type RunView } from './runStore.ts';

/** The modes of a comparison in their order: each is trained from every seed. */
export function comparedModes(configs: readonly TrainConfig[]): PrecisionMode[] {
  return [...new Set(configs.map(({ precision }) => precision))];
}

/** Place of a run's mode among those compared: what its colour goes by, whatever its seed. */
export function modePlace(configs: readonly TrainConfig[], run: number): number {
  const mode = configs[run]?.precision;
  return mode === undefined ? 0 : comparedModes(configs).indexOf(mode);
}

export function hasEnded({ summary, error }: Pick<RunView, 'summary' | 'error'>): boolean {
  return summary !== null || error !== null;
}

/** The runs that have ended. */
export function endedRuns(
  runs: readonly Pick<RunView, 'config' | 'summary' | 'error'>[],
  schedule: Schedule,
  log: (run: number) => MetricsLog | undefined = logOf,
): ComparedRun[] {
  return runs.flatMap((run, index) => {
    const steps = log(index);
    if (!steps || !hasEnded(run)) return [];
    const times = ownTimes(steps, schedule);
    return [
      {
        mode: run.config.precision,
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

/** Which clock tells the time of a run alone: in lockstep the steps of the others pass on the wall's. */
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

export interface StartProof {
  /** Of the first seed; null where the runs of a seed differ. */
  readonly start: { readonly weights: string; readonly batches: string } | null;
  readonly seeds: number;
}

/** Whether the runs of every seed began with the same weights and batches; null before two of a seed have begun. */
export function startProof(runs: readonly Pick<RunView, 'config' | 'facts'>[]): StartProof | null {
  const begun = runs.flatMap(({ config, facts }) => (facts ? [{ seed: config.seed, ...facts.start }] : []));
  const seeds = [...new Set(begun.map(({ seed }) => seed))];
  const groups = seeds.map((seed) => begun.filter((run) => run.seed === seed));
  const [first] = groups[0] ?? [];
  if (!first || !groups.some((group) => group.length > 1)) return null;
  const alike = groups.every((group) =>
    group.every(({ weights, batches }) => weights === group[0]!.weights && batches === group[0]!.batches),
  );
  return { start: alike ? { weights: first.weights, batches: first.batches } : null, seeds: seeds.length };
}
