/** Probed steps that are not measured, because they include compilation and cold caches. */
const UNCOUNTED_PROBES = 1;

/** Measured probes that are needed before a cost is reported; fewer would mostly show noise. */
const MIN_PROBES = 3;

/** The mean time between the results of consecutive steps. */
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
 * Estimates the cost of probing from the arrival times of step results. The GPU is kept busy, so a step that takes longer
 * arrives later, and no timestamp queries are needed. Several steps are in flight at once, so single differences are
 * noisy and only means are used.
 */
export class ProbeCost {
  #plain = new StepTime();
  #probed = new StepTime();
  #probes = 0;
  #last: number | null = null;

  /** Leaves out the next difference, because something else ran between the two steps. */
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
   * Share of the training time that probing takes at one probed step in `interval`. It is null until there are enough
   * steps of both kinds, and 0 when probed steps were not slower.
   */
  share(interval: number): number | null {
    const plain = this.#plain.mean;
    const probed = this.#probed.mean;
    if (plain === null || probed === null || this.#probes < UNCOUNTED_PROBES + MIN_PROBES) return null;
    const extra = Math.max(0, probed - plain);
    const total = interval * plain + extra;
    return total > 0 ? extra / total : null;
  }
}
