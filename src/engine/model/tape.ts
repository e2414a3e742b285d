/** The backward pass of a pass while it is built, and the recomputation of what the forward pass does not keep. */
export class Tape {
  #parts: (() => void)[] = [];
  #recomputes = false;

  /** Whether a forward pass is being built for the second time, to recompute dropped tensors. */
  get recomputes(): boolean {
    return this.#recomputes;
  }

  push(backward: () => void): void {
    this.#parts.push(backward);
  }

  /** Runs all parts, the last first, and forgets them. */
  run(): void {
    for (const part of this.#parts.toReversed()) part();
    this.#parts = [];
  }

  /** Runs `make` as recomputation. What it pushes is dropped, since its backward pass is on the tape already. */
  recompute(make: () => void): void {
    const parts = this.#parts;
    this.#parts = [];
    this.#recomputes = true;
    try {
      make();
    } finally {
      this.#recomputes = false;
      this.#parts = parts;
    }
  }
}
