/** Decides how much work one submission contains from how long work takes. This changes no result. */
import type { PassStamps, Program } from './program.ts';

/** Target duration of a submission. The page cannot draw during one, and watchdogs reset the GPU after some seconds. */
export const SUBMIT_MS = 300;
/** Shorter submissions would cost more than they help. */
const MIN_MS = 10;
/** A submission that ran this long when the device was lost probably caused the loss. Windows allows 2 s. */
const HUNG_MS = 1000;
/** Limits how fast the rate grows, so that one fast submission does not make the next one too long. */
const LARGEST_RISE = 1.1;

/** Tracks the speed of a run and limits the work of its submissions. */
export class SubmitPace {
  readonly targetMs: number;
  readonly #now: () => number;
  readonly #stepUnits: number;
  /** Units of work per millisecond, for whole steps. `#rates` has those of programs whose submissions were timed. */
  #rate: number;
  readonly #rates = new Map<string, number>();
  /** Whether steps are so long that every submission is timed. */
  #slow = false;
  #steps = 0;
  #submissions = 0;
  /** When the current step began: when it was submitted, or when the one before it ended. */
  #stepSince = 0;
  /** The same for the current submission. */
  #busySince = 0;
  /** Whether the last submission took as long as one that hangs. A loss ends it, and may be reported only after that. */
  #hung = false;

  /**
   * @param rate estimated units of work (see `Program`) per millisecond, used until steps are timed
   * @param stepUnits units of work of a whole step
   * @param targetMs longest intended duration of a submission
   * @param now clock in milliseconds
   */
  constructor(rate: number, stepUnits: number, targetMs = SUBMIT_MS, now = () => performance.now()) {
    this.#rate = rate;
    this.#stepUnits = stepUnits;
    this.targetMs = targetMs;
    this.#now = now;
  }

  /** Units of work that the next submission of a program may contain. A single operation is never split. */
  unitsPerSubmit(program: string): number {
    return (this.#rates.get(program) ?? this.#rate) * this.targetMs;
  }

  /** Whether every submission is timed, which costs some microseconds each. */
  get isSlow(): boolean {
    return this.#slow;
  }

  /** The target for a new device after a loss: half as long if a long submission may have caused the loss. */
  get nextTargetMs(): number {
    const waits = this.#steps + this.#submissions > 0 && this.#isTooLong(this.#now() - this.#busySince);
    return this.#hung || waits ? Math.max(MIN_MS, this.targetMs / 2) : this.targetMs;
  }

  /** Records that `units` were submitted. @returns a function to call when they are done */
  submitted(program: string, units: number): () => void {
    this.#begin();
    this.#submissions += 1;
    return () => {
      const now = this.#now();
      const milliseconds = Math.max(now - this.#busySince, 0.1);
      this.#submissions -= 1;
      this.#busySince = now;
      this.#hung = this.#isTooLong(milliseconds);
      const rate = units / milliseconds;
      const before = this.#rates.get(program) ?? this.#rate;
      if (rate > 0) this.#rates.set(program, Math.min(rate, before * LARGEST_RISE));
    };
  }

  stepSubmitted(): void {
    this.#begin();
    if (this.#steps === 0) this.#stepSince = this.#now();
    this.#steps += 1;
  }

  /** @param gpuMs GPU time of the step; null when not measured, in which case the time since the step before it is used */
  stepArrived(gpuMs: number | null): void {
    const now = this.#now();
    const milliseconds = gpuMs ?? now - this.#stepSince;
    this.#stepSince = now;
    this.#busySince = now;
    this.#steps -= 1;
    this.#slow = milliseconds > this.targetMs / 2;
    if (this.#slow) return;
    this.#rate = Math.min(this.#stepUnits / Math.max(milliseconds, 0.1), this.#rate * LARGEST_RISE);
    this.#rates.clear();
  }

  #isTooLong(milliseconds: number): boolean {
    return milliseconds > Math.max(HUNG_MS, 2 * this.targetMs);
  }

  #begin(): void {
    if (this.#steps + this.#submissions === 0) this.#busySince = this.#now();
  }
}

/** Submits a program in pieces as the pace allows. Never waits. */
export function submitPaced(
  { queue }: GPUDevice,
  pace: SubmitPace,
  program: Program,
  stamps?: PassStamps,
): void {
  const { label } = program;
  const time = (units: number): void => {
    // The promise may reject when the device is lost.
    queue.onSubmittedWorkDone().then(pace.submitted(label, units), () => undefined);
  };
  program.submit(pace.unitsPerSubmit(label), { stamps, onSubmit: pace.isSlow ? time : undefined });
}
