/** Measures the training time of a run, without evaluations, samples and pauses. */
export class TrainingClock {
  /** When training time was zero. It moves forward by all time that is not training. */
  #origin = performance.now();
  #lastStep = this.#origin;
  #pausedAt: number | null = null;

  /** Records the end of a step. @returns milliseconds of training so far */
  step(): number {
    this.#lastStep = performance.now();
    return (this.#pausedAt ?? this.#lastStep) - this.#origin;
  }

  /** Excludes the time since the last step, which was spent on something else, such as an evaluation or a sample. */
  excludeSinceStep(): void {
    const end = this.#pausedAt ?? performance.now(); // `resume` excludes the time after that
    this.#origin += end - this.#lastStep;
    this.#lastStep = end;
  }

  pause(): void {
    this.#pausedAt ??= performance.now();
  }

  resume(): void {
    if (this.#pausedAt === null) return;
    const pause = performance.now() - this.#pausedAt;
    this.#origin += pause;
    this.#lastStep += pause;
    this.#pausedAt = null;
  }
}
