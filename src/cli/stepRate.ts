import { WARM_UP_STEPS } from '../engine/index.ts';

/** Number of recent steps that the rate is measured over. */
const WINDOW = 50;
/** Metrics of up to four steps arrive together, so a rate over fewer steps than this would be meaningless. */
const MIN_STEPS = 5;

/** Measures the recent speed for the progress line. The summary's speed comes from the engine, measured up to a final sync. */
export class StepRate {
  #recorded = 0;
  #arrivals: { step: number; ms: number }[] = [];

  /** The first recorded steps are not counted, whatever their numbers, because a resumed run has start-up costs too. */
  record(step: number, ms: number): void {
    this.#recorded += 1;
    if (this.#recorded <= WARM_UP_STEPS) return;
    this.#arrivals.push({ step, ms });
    if (this.#arrivals.length > WINDOW) this.#arrivals.shift();
  }

  /** Null until enough steps have been counted. */
  get stepsPerSecond(): number | null {
    const first = this.#arrivals[0];
    const last = this.#arrivals.at(-1);
    if (!first || !last || last.step - first.step < MIN_STEPS || last.ms <= first.ms) return null;
    return (1000 * (last.step - first.step)) / (last.ms - first.ms);
  }
}
