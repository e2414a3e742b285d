/** Warnings about a run, most of them derived from its metrics. They change nothing in the run. */
import { RMS_SPIKE } from '../inspect/tensorNumbers.ts';
import { type Recipe, SCALE_FLOOR } from '../precision/recipes.ts';
import type { StepMetrics } from './metrics.ts';
import { AHEAD, SpikeAlarm } from './spikeAlarm.ts';
import { spikeHint } from './spikeHint.ts';

export interface RunWarning {
  readonly kind:
    | 'skips'
    | 'scaleFloor'
    | 'lossSpike'
    | 'overfitting'
    | 'rmsSpike'
    | 'deviceLost'
    | 'smallerBatch'
    | 'changed';
  /** The step at which it was noticed. */
  readonly step: number;
  /** What happened, with both numbers. */
  readonly message: string;
  /** What to try. */
  readonly hint: string;
}

/** Number of consecutive skips that causes a warning. A scaler that starts too high needs some skips, and halves at each. */
const SKIPS_IN_A_ROW = 10;
/** Number of losses that a new one is compared with, as in llm.c's outlier detector. */
const WINDOW = 128;
/** Standard deviations above the mean that make a spike. This threshold is ours; llm.c leaves it to the user. */
const SPIKE_Z = 6;

/** Watches the metrics of one run and warns once when a problem begins, not at every step while it lasts. */
export class WarningWatch {
  readonly #recipe: Recipe;
  #skips = 0;
  #atFloor = false;
  #losses: number[] = [];
  readonly #alarm = new SpikeAlarm();

  constructor(recipe: Recipe) {
    this.#recipe = recipe;
  }

  /** @param metrics of every step, in order */
  next(metrics: StepMetrics): RunWarning | null {
    // A mode without a dynamic loss scale ends the run after too many skips instead.
    if (metrics.skipped) return this.#recipe.scaling.kind === 'dynamic' ? this.#skipped(metrics) : null;
    this.#skips = 0;
    this.#atFloor = false;
    const isAlarm = this.#rmsSpikes(metrics);
    return this.#spike(metrics) ?? (isAlarm ? rmsWarning(metrics) : null);
  }

  /** Whether a spike of the RMS begins, which is reported only if measured. */
  #rmsSpikes({ step, loss, rms }: StepMetrics): boolean {
    return rms !== undefined && this.#alarm.next({ step, loss, rms: rms.first?.rms ?? null });
  }

  #skipped({ step, lossScale, overflow }: StepMetrics): RunWarning | null {
    const tensor = overflow ?? 'a gradient';
    this.#skips += 1;
    if (lossScale <= SCALE_FLOOR && !this.#atFloor) {
      this.#atFloor = true;
      return {
        kind: 'scaleFloor',
        step,
        message: `Step ${step} was skipped at a loss scale of ${lossScale}, which cannot go below ${SCALE_FLOOR}: ${tensor} overflowed without being scaled up.`,
        hint: 'The step did not change the weights. Use a lower learning rate, or bf16 or fp32, which hold larger values.',
      };
    }
    if (this.#skips !== SKIPS_IN_A_ROW) return null;
    return {
      kind: 'skips',
      step,
      message: `${SKIPS_IN_A_ROW} steps in a row were skipped, up to step ${step}: ${tensor} overflowed, the last time at a loss scale of 2^${Math.log2(lossScale)}.`,
      hint: 'Skipped steps do not change the weights, and each halves the loss scale. If this happens again, start with a smaller loss scale or a lower learning rate.',
    };
  }

  #spike({ step, loss }: StepMetrics): RunWarning | null {
    if (loss === null) return null;
    const before = this.#losses;
    const mean = before.reduce((sum, value) => sum + value, 0) / before.length;
    const variance = before.reduce((sum, value) => sum + (value - mean) ** 2, 0) / before.length;
    const z = (loss - mean) / Math.sqrt(variance);
    if (before.length < WINDOW || !(z > SPIKE_Z) || z === Number.POSITIVE_INFINITY) {
      this.#losses = [...before.slice(1 - WINDOW), loss];
      return null;
    }
    // The window restarts, so that a loss that stays high causes one warning only.
    this.#losses = [];
    return {
      kind: 'lossSpike',
      step,
      message: `The loss jumped to ${loss.toFixed(3)} at step ${step}; the ${WINDOW} steps before had a mean of ${mean.toFixed(3)} (${z.toFixed(0)} standard deviations).`,
      hint: spikeHint(this.#recipe, null),
    };
  }
}

function rmsWarning({ step, rms }: StepMetrics): RunWarning {
  const { name, rms: value } = rms!.first!;
  return {
    kind: 'rmsSpike',
    step,
    message: `The update of ${name} had an RMS of ${value.toFixed(2)} at step ${step}, at least ${RMS_SPIKE}: the loss may jump within ${AHEAD.most} steps.`,
    hint: 'Its second moment is behind its gradients. A lower beta2, a lower learning rate or optimizer stable-adamw makes such updates smaller.',
  };
}
