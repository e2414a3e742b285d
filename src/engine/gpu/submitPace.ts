/** How much work one submission holds, from how long work takes. It changes no result, only where commands are cut. */
import type { PassStamps, Program } from './program.ts';

/** What a submission may hold the GPU for: a page that draws waits for it, and watchdogs take the GPU away after seconds. */
export const SUBMIT_MS = 300;
/** Below this, submitting would cost more than it helps. */
const LEAST_MS = 10;
/** What has been on the GPU for so long when its device is lost is what it was lost for: Windows allows 2 s. */
const HUNG_MS = 1000;
/** One that was quick by chance does not make the next one long. */
const LARGEST_RISE = 1.1;

/** How much of a run's work is submitted at once. */
export class SubmitPace {
  readonly targetMs: number;
  readonly #now: () => number;
  readonly #stepUnits: number;
  /** Units of work a millisecond: of steps, and of each program once its submissions are timed. */
  #rate: number;
  readonly #rates = new Map<string, number>();
  /** Steps are so long that it matters where they are cut: every submission is timed. */
  #slow = false;
  #steps = 0;
  #submissions = 0;
  /** When the step at hand began: when it was submitted, or when the one before it ended. */
  #stepSince = 0;
  /** Likewise of the submission at hand. */
  #busySince = 0;
  /** The last submission took as long as one that hangs: a loss ends it, and may be told later than that. */
  #hung = false;

  /**
   * @param rate units of work (see `Program`) a millisecond, roughly, until steps are timed
   * @param stepUnits of a whole step
   * @param targetMs what a submission may take
   * @param now milliseconds
   */
  constructor(rate: number, stepUnits: number, targetMs = SUBMIT_MS, now = () => performance.now()) {
    this.#rate = rate;
    this.#stepUnits = stepUnits;
    this.targetMs = targetMs;
    this.#now = now;
  }

  /** What the next submission of a program may hold. One operation is never cut, whatever it takes. */
  unitsPerSubmit(program: string): number {
    return (this.#rates.get(program) ?? this.#rate) * this.targetMs;
  }

  /** True where every submission is to be timed, for some microseconds each. */
  get isSlow(): boolean {
    return this.#slow;
  }

  /** For the device after one that is lost: half as long where work that took too long may have been the reason. */
  get nextTargetMs(): number {
    const waits = this.#steps + this.#submissions > 0 && this.#isTooLong(this.#now() - this.#busySince);
    return this.#hung || waits ? Math.max(LEAST_MS, this.targetMs / 2) : this.targetMs;
  }

  /** A submission of `units` was put on the queue. @returns what to call when it has been done */
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

  /** @param gpuMs its GPU time; null where that is not measured: the time since the step before it counts then */
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

/** Submits a program in pieces as its pace allows. Never waits. */
export function submitPaced(
  { queue }: GPUDevice,
  pace: SubmitPace,
  program: Program,
  stamps?: PassStamps,
): void {
  const { label } = program;
  const time = (units: number): void => {
    // A device that is lost never gets it done.
    queue.onSubmittedWorkDone().then(pace.submitted(label, units), () => undefined);
  };
  program.submit(pace.unitsPerSubmit(label), { stamps, onSubmit: pace.isSlow ? time : undefined });
}
