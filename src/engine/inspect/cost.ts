/** Steps whose histograms pay for compilation and cold caches. */
const UNCOUNTED_PROBES = 1;

/** Fewer probed steps say more about noise than about cost. */
const ENOUGH_PROBES = 3;

/** Sum of the time between a step's results and those of the step before. */
class StepTime {
  #milliseconds = 0;
  #steps = 0;

  add(milliseconds: number): void {
    this.#milliseconds += milliseconds;
    this.#steps += 1;
  }

  get mean(): number | null {
    return this.#steps > 0 ? this.#milliseconds / this.#steps : null;
  }
}

/**
 * What probing costs, from when results of steps arrive: the GPU is kept busy, so a step that takes longer arrives later.
 * Needs no timestamps. Steps are in flight together, so that single differences say little and means are used.
 */
export class ProbeCost {
  #plain = new StepTime();
  #probed = new StepTime();
  #probes = 0;
  #last: number | null = null;

  /** The next result does not follow the one before it: something else ran in between. */
  interrupt(): void {
    this.#last = null;
  }

  stepArrived(probed: boolean, now: number): void {
    if (probed) this.#probes += 1;
    const warm = !probed || this.#probes > UNCOUNTED_PROBES;
    if (this.#last !== null && warm) (probed ? this.#probed : this.#plain).add(now - this.#last);
    this.#last = now;
  }

  /**
   * Share of the training time at one probed step in `interval`; null before there are enough steps of both kinds, 0 where
   * the difference is lost in the noise of step times.
   */
  share(interval: number): number | null {
    const plain = this.#plain.mean;
    const probed = this.#probed.mean;
    if (plain === null || probed === null || this.#probes < UNCOUNTED_PROBES + ENOUGH_PROBES) return null;
    const extra = Math.max(0, probed - plain);
    const total = interval * plain + extra;
    return total > 0 ? extra / total : null;
  }
}
