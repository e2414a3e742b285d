/** The runs on the page as the engine's comparison takes them, and the proof that they began alike. */
import type { ComparedRun } from '../engine/experiments/comparison.ts';
import type { PrecisionMode } from '../engine/precision/recipes.ts';
import type { TrainConfig } from '../engine/train/config.ts';
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
    return [
      {
        mode: run.config.precision,
        seed: run.config.seed,
        failed: run.error !== null,
        steps: steps.columns.step.subarray(0, steps.length),
        losses: steps.columns.loss.subarray(0, steps.length),
        // In lockstep the time between two steps of a run is that of the others.
        evals: steps.evals.map(({ step, valLoss }) => ({
          step,
          valLoss,
          seconds: schedule === 'lockstep' ? null : secondsAt(steps, step),
        })),
        tokensPerSec: run.summary?.tokensPerSec ?? null,
      },
    ];
  });
}

function secondsAt(log: MetricsLog, step: number): number {
  const at = log.indexAt(step);
  return at < 0 ? 0 : log.columns.time[at]! / 1000;
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
