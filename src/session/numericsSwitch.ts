import { EngineError } from '../engine/errors.ts';
import type { Trainer } from '../engine/index.ts';
import { errorReport } from './errorReport.ts';
import type { InspectedKind, SessionEvent } from './protocol.ts';

interface NumericsRun {
  readonly run: number;
  readonly trainer: Trainer;
}

/** Histograms of the runs' numbers: on or off for all, and what they report. Never makes training wait or fail. */
export class NumericsSwitch {
  readonly #post: (event: SessionEvent) => void;
  #interval: number | null = null;

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
  }

  set(interval: number | null, runs: readonly NumericsRun[]): void {
    this.#interval = interval;
    for (const { trainer } of runs) {
      if (interval === null) trainer.numerics.disable();
      else this.attach(trainer);
    }
  }

  /** Kernels compile beside the training, which goes on without histograms until they are ready. */
  attach(trainer: Trainer): void {
    if (this.#interval === null) return;
    trainer.numerics.enable(this.#interval).catch((cause: unknown) => this.#refuse(cause));
  }

  /** Passes on what has arrived. */
  report({ run, trainer }: NumericsRun): void {
    if (this.#interval === null) return;
    for (const frame of trainer.numerics.takeFrames()) this.#post({ type: 'numerics', run, frame });
  }

  async inspect(what: InspectedKind, runs: readonly NumericsRun[]): Promise<void> {
    try {
      if (runs.length === 0) {
        throw new EngineError('BAD_VALUE', 'There is no model to look into.', 'Train one first.');
      }
      for (const { run, trainer } of runs) {
        this.#post({ type: 'inspected', run, what, frame: await trainer.numerics.inspect(what) });
      }
    } catch (cause) {
      this.#refuse(cause);
    }
  }

  #refuse(cause: unknown): void {
    this.#post({ type: 'numericsRefused', error: errorReport(cause) });
  }
}
