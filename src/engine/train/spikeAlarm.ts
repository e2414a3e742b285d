/**
 * The alarm of arXiv 2304.13013: a spike of an update's root mean square in the first layer announces a spike of the loss. The
 * thresholds are the paper's; how many losses the mean is taken over is ours.
 */
import { RMS_SPIKE } from '../inspect/tensorNumbers.ts';

/** Standard deviations above the running mean that make a spike of the loss. */
export const LOSS_SPIKE_Z = 3.2;
/** A spike of the loss is announced by one of the RMS that was so many steps earlier. */
export const AHEAD = { least: 1, most: 8 } as const;
/** Losses that the running mean and deviation are taken over, and how many there must be. */
const WINDOW = 128;
const LEAST = 16;

/** A step of a run: the mean loss in nats and the largest RMS of the first layer; null where there is none. */
export interface SpikeStep {
  readonly step: number;
  readonly loss: number | null;
  readonly rms: number | null;
}

export interface Spikes {
  /** Steps at which the RMS reached its threshold, the first of consecutive ones. */
  readonly rms: readonly number[];
  /** Steps at which the loss did. Losses that are spikes are left out of the running mean. */
  readonly loss: readonly number[];
  /** Spikes of the loss that an RMS spike announced. */
  readonly announced: readonly number[];
}

/** Watches steps as they come. */
export class SpikeAlarm {
  readonly #losses: number[] = [];
  readonly #rms: number[] = [];
  readonly #loss: number[] = [];
  readonly #announced: number[] = [];
  #high = false;

  /** @returns whether an RMS spike begins with this step */
  next({ step, loss, rms }: SpikeStep): boolean {
    if (loss !== null) this.#nextLoss(step, loss);
    const isHigh = rms !== null && rms >= RMS_SPIKE;
    const begins = isHigh && !this.#high;
    this.#high = isHigh;
    if (begins) this.#rms.push(step);
    return begins;
  }

  get spikes(): Spikes {
    return { rms: this.#rms, loss: this.#loss, announced: this.#announced };
  }

  #nextLoss(step: number, loss: number): void {
    const before = this.#losses;
    const mean = before.reduce((sum, value) => sum + value, 0) / before.length;
    const variance = before.reduce((sum, value) => sum + (value - mean) ** 2, 0) / before.length;
    const isSpike = before.length >= LEAST && loss > mean + LOSS_SPIKE_Z * Math.sqrt(variance);
    if (!isSpike) {
      before.push(loss);
      if (before.length > WINDOW) before.shift();
      return;
    }
    this.#loss.push(step);
    const isAhead = (spike: number) => step - spike >= AHEAD.least && step - spike <= AHEAD.most;
    if (this.#rms.some(isAhead)) this.#announced.push(step);
  }
}

/** The spikes of a run whose steps are known. */
export function spikesOf(steps: Iterable<SpikeStep>): Spikes {
  const alarm = new SpikeAlarm();
  for (const step of steps) alarm.next(step);
  return alarm.spikes;
}
