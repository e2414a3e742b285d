/** Steps left out at the start: they compile, allocate and warm caches. */
const WARM_UP_STEPS = 5;
/** Steps the live rate looks back on. */
const WINDOW = 50;

/** Recent speed for the progress line. The summary's speed is the engine's, measured up to a final sync. */
export class StepRate {
  #arrivals: { step: number; ms: number }[] = [];

  record(step: number, ms: number): void {
    if (step <= WARM_UP_STEPS) return;
    this.#arrivals.push({ step, ms });
    if (this.#arrivals.length > WINDOW) this.#arrivals.shift();
  }

  /** Null until enough steps have come. */
  get stepsPerSecond(): number | null {
    const first = this.#arrivals[0];
    const last = this.#arrivals.at(-1);
    if (!first || !last || last.ms <= first.ms) return null;
    return (1000 * (last.step - first.step)) / (last.ms - first.ms);
  }
}
