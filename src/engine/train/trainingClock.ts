/** Time of a run's own training: evaluations, samples and pauses are left out. */
export class TrainingClock {
  /** When training time was zero; moves forward by whatever is not training. */
  #origin = performance.now();
  #lastStep = this.#origin;
  #pausedAt: number | null = null;

  /** A step has ended: milliseconds of training up to now. */
  step(): number {
    this.#lastStep = performance.now();
    return (this.#pausedAt ?? this.#lastStep) - this.#origin;
  }

  /** What passed since the last step went into something else than training, such as an evaluation or a sample. */
  rested(): void {
    const end = this.#pausedAt ?? performance.now(); // `resume` leaves the rest out
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
