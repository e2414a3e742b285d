/** Compares precision modes. These are pure functions of what the runs reported. */
import { firstDivergence, type LossCurve } from './divergence.ts';
import { interpolate } from './interpolate.ts';
import { type SpeedClock, type SpeedFinding, speedFinding, speedNoise, type TimedRun } from './speed.ts';
import { type Spread, spreadOf } from './spread.ts';
import type { VariantId } from './variants.ts';

export interface TimedEval {
  readonly step: number;
  /** In nats; null when not finite. */
  readonly valLoss: number | null;
  /** Seconds of training, without evaluations and pauses; null when the run shared the GPU with others. */
  readonly seconds: number | null;
}

/** A run that has ended: after its last step, by a stop, or because its mode failed. */
export interface ComparedRun extends LossCurve, TimedRun {
  readonly mode: VariantId;
  readonly seed: number;
  /** Whether the mode failed, so that the run ended early. */
  readonly failed: boolean;
  /** In ascending order of steps. */
  readonly evals: readonly TimedEval[];
}

/** Where a mode diverges from the reference, over the seeds for which it does. */
export interface Divergence {
  /** Step at which the first seed diverges; `latest` is that of the last seed. */
  readonly earliest: number;
  readonly latest: number;
  readonly seeds: number;
}

/** The results of a mode over its seeds. Figures are null when there are none. */
export interface ModeResult {
  readonly mode: VariantId;
  readonly runs: number;
  readonly failed: number;
  /** At the step of the comparison. */
  readonly valLoss: Spread | null;
  /** Number of runs without a loss at that step because an evaluation was not finite. */
  readonly nonFinite: number;
  /** Loss minus that of the reference with the same seed. Positive is worse. */
  readonly lossDifference: Spread | null;
  /** At the time of the comparison. */
  readonly valLossAtSeconds: Spread | null;
  readonly tokensPerSec: Spread | null;
  /** Tokens/s over those of the reference with the same seed. */
  readonly speedUp: Spread | null;
  /** Whether the speed-up exceeds noise; null for the reference and when a speed was not measured. */
  readonly speedFinding: SpeedFinding | null;
  /** Null for the reference and for modes that do not diverge from it. */
  readonly divergence: Divergence | null;
}

export interface Comparison {
  /** One result for each mode; the first is the reference. */
  readonly modes: readonly ModeResult[];
  /** Number of seeds in the figures. */
  readonly seeds: number;
  /** The last step up to which all runs that did not fail were evaluated; null before the first evaluation. */
  readonly step: number | null;
  /** Seconds after which the fastest mode reached that step, as the mean over seeds; null when time was not measured. */
  readonly seconds: number | null;
  /** Difference in nats between the best and worst seed of the reference; null with one seed. */
  readonly seedNoise: number | null;
  /** The clock of seconds and speeds. */
  readonly clock: SpeedClock;
}

/**
 * Compares modes that were trained from the same starts. Once every mode has finished at least one common seed, only
 * seeds that every mode has finished are used.
 * @param modes the first is the reference
 */
export function compareRuns(
  modes: readonly VariantId[],
  ended: readonly ComparedRun[],
  clock: SpeedClock = 'wall',
): Comparison {
  const runOf = (mode: VariantId, seed: number) =>
    ended.find((run) => run.mode === mode && run.seed === seed);
  const all = [...new Set(ended.map(({ seed }) => seed))];
  const complete = all.filter((seed) => modes.every((mode) => runOf(mode, seed)));
  const seeds = complete.length > 0 ? complete : all;
  const runs = ended.filter(({ seed }) => seeds.includes(seed));

  const step = lastCommonStep(runs);
  const secondsOf = new Map(seeds.map((seed) => [seed, fastestTo(step, runs, seed)]));
  const reference = modes[0];
  const results = modes.map((mode): ModeResult => {
    const pairs = seeds.flatMap((seed) => {
      const run = runOf(mode, seed);
      return run ? [{ run, base: reference === undefined ? undefined : runOf(reference, seed) }] : [];
    });
    const isReference = mode === reference;
    const speedUp = spreadOf(pairs.map(({ run, base }) => ratio(run.tokensPerSec, base?.tokensPerSec)));
    const noise = (side: 'run' | 'base') => speedNoise(pairs.flatMap((pair) => pair[side] ?? []));
    return {
      mode,
      runs: pairs.length,
      failed: pairs.filter(({ run }) => run.failed).length,
      valLoss: spreadOf(pairs.map(({ run }) => lossAtStep(run, step))),
      nonFinite: pairs.filter(({ run }) => lossAtStep(run, step) === null && hasNonFinite(run)).length,
      lossDifference: isReference
        ? null
        : spreadOf(pairs.map(({ run, base }) => minus(lossAtStep(run, step), lossAtStep(base, step)))),
      valLossAtSeconds: spreadOf(pairs.map(({ run }) => lossAtSeconds(run, secondsOf.get(run.seed) ?? null))),
      tokensPerSec: spreadOf(pairs.map(({ run }) => run.tokensPerSec)),
      speedUp,
      speedFinding: isReference || !speedUp ? null : speedFinding(speedUp.mean, noise('run'), noise('base')),
      divergence: isReference ? null : divergenceOf(pairs),
    };
  });
  const base = results[0]?.valLoss;
  return {
    modes: results,
    seeds: seeds.length,
    step,
    seconds: spreadOf([...secondsOf.values()])?.mean ?? null,
    seedNoise: base && base.count > 1 ? base.high - base.low : null,
    clock,
  };
}

function lastCommonStep(runs: readonly ComparedRun[]): number | null {
  const last = runs.filter(({ failed }) => !failed).flatMap(({ evals }) => evals.at(-1)?.step ?? []);
  return last.length > 0 ? Math.min(...last) : null;
}

/** Seconds after which the fastest run of a seed reached `step`. */
function fastestTo(step: number | null, runs: readonly ComparedRun[], seed: number): number | null {
  if (step === null) return null;
  const times = runs
    .filter((run) => run.seed === seed && !run.failed)
    .map((run) =>
      interpolate(
        run.evals.map((at) => ({ x: at.step, y: at.seconds })),
        step,
      ),
    );
  return spreadOf(times)?.low ?? null;
}

function lossAtStep(run: ComparedRun | undefined, step: number | null): number | null {
  if (!run || step === null) return null;
  return interpolate(
    run.evals.map((at) => ({ x: at.step, y: at.valLoss })),
    step,
  );
}

function hasNonFinite({ evals }: ComparedRun): boolean {
  return evals.some(({ valLoss }) => valLoss === null);
}

function lossAtSeconds(run: ComparedRun, seconds: number | null): number | null {
  if (seconds === null) return null;
  const points = run.evals.flatMap((at) => (at.seconds === null ? [] : [{ x: at.seconds, y: at.valLoss }]));
  return interpolate(points, seconds);
}

function divergenceOf(
  pairs: readonly { run: ComparedRun; base: ComparedRun | undefined }[],
): Divergence | null {
  const steps = spreadOf(pairs.map(({ run, base }) => (base ? firstDivergence(base, run) : null)));
  return steps && { earliest: steps.low, latest: steps.high, seeds: steps.count };
}

function minus(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a - b;
}

function ratio(a: number | null, b: number | null | undefined): number | null {
  return a === null || !b ? null : a / b;
}
