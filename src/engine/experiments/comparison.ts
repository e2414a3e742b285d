/** What precision modes come to beside each other. Pure functions of what the runs reported. */
import { firstDivergence, type LossCurve } from './divergence.ts';
import { interpolate } from './interpolate.ts';
import { type SpeedClock, type SpeedFinding, speedFinding, speedNoise, type TimedRun } from './speed.ts';
import { type Spread, spreadOf } from './spread.ts';
import type { VariantId } from './variants.ts';

export interface TimedEval {
  readonly step: number;
  /** Nats; null when not finite. */
  readonly valLoss: number | null;
  /** Seconds of training, evaluations and pauses left out; null where they are not this run's own. */
  readonly seconds: number | null;
}

/** A run that has ended: by itself, by a stop, or because its mode could not go on. */
export interface ComparedRun extends LossCurve, TimedRun {
  readonly mode: VariantId;
  readonly seed: number;
  /** The mode could not go on. */
  readonly failed: boolean;
  /** In ascending order of steps. */
  readonly evals: readonly TimedEval[];
}

/** Where a mode leaves the reference, over the seeds where it does. */
export interface Divergence {
  /** Of the seed that diverges first, and of the one that diverges last. */
  readonly earliest: number;
  readonly latest: number;
  readonly seeds: number;
}

/** Figures over the seeds; null where there are none. */
export interface ModeResult {
  readonly mode: VariantId;
  readonly runs: number;
  readonly failed: number;
  /** At the comparison's step. */
  readonly valLoss: Spread | null;
  /** Runs without a loss there because an evaluation was not finite. */
  readonly nonFinite: number;
  /** Minus the reference's at the same seed: above zero is worse. */
  readonly lossDifference: Spread | null;
  /** At the comparison's time. */
  readonly valLossAtSeconds: Spread | null;
  readonly tokensPerSec: Spread | null;
  /** Tokens/s over the reference's at the same seed. */
  readonly speedUp: Spread | null;
  /** Whether that is more than noise; null for the reference and where a speed was not measured. */
  readonly speedFinding: SpeedFinding | null;
  /** null for the reference and for modes that stay with it. */
  readonly divergence: Divergence | null;
}

export interface Comparison {
  /** One a mode; the first is the reference. */
  readonly modes: readonly ModeResult[];
  /** Seeds that the figures are of. */
  readonly seeds: number;
  /** The last step that all runs which did not fail were evaluated at or past; null before any was. */
  readonly step: number | null;
  /** When the fastest mode had come to that step: over seeds, the mean; null where time was not measured. */
  readonly seconds: number | null;
  /** Nats between the reference's best and worst seed; null with one seed. */
  readonly seedNoise: number | null;
  /** What seconds and speeds are of. */
  readonly clock: SpeedClock;
}

/**
 * Compares modes that were trained from the same starts. Of seeds that not every mode has finished nothing is used,
 * as long as there is one that every mode has.
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

/** Seconds after which the first of a seed's runs had come to `step`. */
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
