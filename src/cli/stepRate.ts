import { WARM_UP_STEPS } from '../engine/index.ts';

/** Steps that the live rate looks back on. */
const WINDOW = 50;
/** Figures of up to four steps arrive together: over fewer steps than these a rate says nothing. */
const LEAST_STEPS = 5;

/** Recent speed for the progress line. The summary's speed is the engine's, measured up to a final sync. */
export class StepRate {
  #recorded = 0;
  #arrivals: { step: number; ms: number }[] = [];

  /** The first recorded steps warm up, whatever their numbers: a resumed run compiles and allocates as a new one does. */
  record(step: number, ms: number): void {
    this.#recorded += 1;
    if (this.#recorded <= WARM_UP_STEPS) return;
    this.#arrivals.push({ step, ms });
    if (this.#arrivals.length > WINDOW) this.#arrivals.shift();
  }

  /** Null until enough steps were counted. */
  get stepsPerSecond(): number | null {
    const first = this.#arrivals[0];
    const last = this.#arrivals.at(-1);
    if (!first || !last || last.step - first.step < LEAST_STEPS || last.ms <= first.ms) return null;
    return (1000 * (last.step - first.step)) / (last.ms - first.ms);
  }
}
