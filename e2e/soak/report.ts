/** Counts the faults that a soak injected, those survived, and the steps lost. */
import { writeFileSync } from 'node:fs';

export class SoakReport {
  readonly #counts = new Map<string, { injected: number; survived: number }>();
  readonly #begun = Date.now();
  readonly #seed: number;
  adapter = '';
  runs = 0;
  steps = 0;
  /** Steps that the page had reported before a kill but not saved, so that they are repeated. */
  repeated = 0;
  /** Steps of finished runs, or their evaluations, that are missing or differ from those of the undisturbed run. */
  lost = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  injected(fault: string, times = 1): void {
    this.#count(fault).injected += times;
  }

  survived(fault: string, times = 1): void {
    this.#count(fault).survived += times;
  }

  print(json: string | undefined): void {
    const minutes = Number(((Date.now() - this.#begun) / 60_000).toFixed(1));
    const faults = Object.fromEntries(this.#counts);
    const { adapter, runs, steps, repeated, lost } = this;
    const all = { minutes, seed: this.#seed, adapter, runs, steps, repeated, lost, faults };
    if (json) writeFileSync(json, `${JSON.stringify(all, null, 1)}\n`);
    const rows = [...this.#counts].map(
      ([name, { injected, survived }]) =>
        `${name.padEnd(14)}${String(injected).padStart(10)}${String(survived).padStart(10)}`,
    );
    console.log(
      [
        `${minutes} minutes on ${adapter} (lavapipe under that name), seed ${this.#seed}: ${runs} runs with ${steps} steps in total`,
        'fault           injected  survived',
        ...rows,
        `${repeated} steps were repeated after a kill, with the same results. Lost: ${lost}.`,
      ].join('\n'),
    );
  }

  #count(fault: string): { injected: number; survived: number } {
    const count = this.#counts.get(fault) ?? { injected: 0, survived: 0 };
    this.#counts.set(fault, count);
    return count;
  }
}
