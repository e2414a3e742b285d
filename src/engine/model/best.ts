/** The lowest validation loss of a run so far. It is part of the run's state, so that a resumed run decides alike. */
import type { TrainConfig } from '../config/trainConfig.ts';

export interface BestSoFar {
  /** Evaluations that counted. */
  readonly evaluations: number;
  /** The step after the last of them; -1 before the first. */
  readonly evaluatedAt: number;
  /** The step with the lowest validation loss, and that loss in nats; null while none was finite. */
  readonly lowest: { readonly step: number; readonly valLoss: number } | null;
  /** Evaluations in a row, up to the last, that were not lower than the lowest before them. */
  readonly worse: number;
}

export const NOT_EVALUATED: BestSoFar = { evaluations: 0, evaluatedAt: -1, lowest: null, worse: 0 };

/** Words of u32 on the GPU and in files. */
export const BEST_WORDS = 8;

/** Whether anything in the run depends on the lowest validation loss. */
export function followsBest({ keepBest, earlyStop }: Pick<TrainConfig, 'keepBest' | 'earlyStop'>): boolean {
  return keepBest || earlyStop > 0;
}

/** @param valLoss in nats; null when it is not finite */
export function withEvaluation(best: BestSoFar, step: number, valLoss: number | null): BestSoFar {
  const evaluations = best.evaluations + 1;
  const isLower = valLoss !== null && (best.lowest === null || valLoss < best.lowest.valLoss);
  return isLower
    ? { evaluations, evaluatedAt: step, lowest: { step, valLoss }, worse: 0 }
    : { evaluations, evaluatedAt: step, lowest: best.lowest, worse: best.worse + 1 };
}

/** Whether a run with this patience has ended because its validation loss no longer falls. */
export function endsEarly({ earlyStop }: Pick<TrainConfig, 'earlyStop'>, { worse }: BestSoFar): boolean {
  return earlyStop > 0 && worse >= earlyStop;
}

/** (8) u32: evaluations, evaluatedAt + 1, worse, step + 1 of the lowest, and the two halves of its loss as f64. */
export function bestWords({ evaluations, evaluatedAt, lowest, worse }: BestSoFar): Uint32Array<ArrayBuffer> {
  const loss = new Uint32Array(Float64Array.of(lowest?.valLoss ?? 0).buffer);
  return Uint32Array.of(evaluations, evaluatedAt + 1, worse, (lowest?.step ?? -1) + 1, ...loss, 0, 0);
}

/** Zeros are what nothing was evaluated yet. */
export function readBest(bytes: ArrayBuffer): BestSoFar {
  const [evaluations, evaluatedAt, worse, step] = new Uint32Array(bytes) as unknown as number[];
  const valLoss = new Float64Array(bytes, 16, 1)[0]!;
  return {
    evaluations: evaluations!,
    evaluatedAt: evaluatedAt! - 1,
    worse: worse!,
    lowest: step! > 0 ? { step: step! - 1, valLoss } : null,
  };
}
