/** Notices when a run learns its training text by heart: the training loss falls while the validation loss rises. */
import type { TrainConfig } from '../config/trainConfig.ts';
import type { EvalMetrics, StepMetrics } from './metrics.ts';
import type { RunWarning } from './runWarning.ts';

/** Evaluations in a row above the lowest that make the validation loss rise. */
const RISING = 3;
/** Share of the lowest validation loss by which the last of them must exceed it. */
const RISE = 0.01;

/** The settings of a run that help against it. */
type Remedies = Pick<TrainConfig, 'keepBest' | 'earlyStop'>;

/** Watches the losses of one run and warns once, and again only after a new lowest validation loss. */
export class OverfittingWatch {
  readonly #config: Remedies;
  #losses = { sum: 0, steps: 0 };
  #lowest: { readonly step: number; readonly valLoss: number; readonly training: number } | null = null;
  #above = 0;

  constructor(config: Remedies) {
    this.#config = config;
  }

  /** @param metrics of every step, in order */
  step({ loss }: Pick<StepMetrics, 'loss'>): void {
    if (loss === null) return;
    this.#losses.sum += loss;
    this.#losses.steps += 1;
  }

  /**
   * A warning at the third evaluation in a row above the lowest, if it is at least 1 % above it and the mean training loss since
   * the evaluation before is below that of the lowest.
   */
  evaluation({ step, valLoss }: EvalMetrics): RunWarning | null {
    const { sum, steps } = this.#losses;
    const training = steps > 0 ? sum / steps : Number.NaN;
    this.#losses = { sum: 0, steps: 0 };
    if (valLoss === null) return null;
    const lowest = this.#lowest;
    if (!lowest || valLoss < lowest.valLoss) {
      this.#lowest = { step, valLoss, training };
      this.#above = 0;
      return null;
    }
    this.#above += 1;
    // The third or a later one, whichever is the first that is high enough.
    const rises = this.#above >= RISING && valLoss >= lowest.valLoss * (1 + RISE);
    if (!rises || !(training < lowest.training)) return null;
    this.#above = Number.NEGATIVE_INFINITY;
    return {
      kind: 'overfitting',
      step,
      message: `The validation loss rose from ${lowest.valLoss.toFixed(3)} at step ${lowest.step} to ${valLoss.toFixed(3)} at step ${step}, while the training loss fell from ${lowest.training.toFixed(3)} to ${training.toFixed(3)}: the model learns the training text by heart.`,
      hint: overfittingHint(this.#config),
    };
  }
}

/** What the run does already, and what else helps. */
function overfittingHint({ keepBest, earlyStop }: Remedies): string {
  const worse = 'Further steps make it worse on other text.';
  const others = 'a smaller model, dropout, or more text';
  const kept = keepBest ? ' The best checkpoint is kept' : '';
  const ends = earlyStop > 0 ? `the run ends after ${earlyStop} evaluations in a row above the best` : '';
  if (kept && ends) return `${worse}${kept}, and ${ends}. A better model needs ${others}.`;
  if (kept) return `${worse}${kept}. Stop early (early-stop), or use ${others}.`;
  if (ends) return `${worse} Here ${ends}. Keep the best checkpoint (keep-best), or use ${others}.`;
  return `${worse} Keep the best checkpoint (keep-best) and stop early (early-stop), or use ${others}.`;
}
