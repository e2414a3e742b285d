/** Something that is made when it is first asked for, and again after it could not be made. */
export class MadeOnce<T extends { destroy(): void }> {
  readonly #make: () => Promise<T>;
  #making: Promise<T> | undefined;
  #made: T | undefined;
  #isDestroyed = false;

  constructor(make: () => Promise<T>) {
    this.#make = make;
  }

  /** Undefined before it is made. */
  get made(): T | undefined {
    return this.#made;
  }

  get(): Promise<T> {
    this.#making ??= this.#make().then(
      (made) => {
        this.#made = made;
        if (this.#isDestroyed) made.destroy();
        return made;
      },
      (error) => {
        this.#making = undefined;
        throw error;
      },
    );
    return this.#making;
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#made?.destroy();
  }
}
