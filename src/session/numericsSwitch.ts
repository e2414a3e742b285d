import { EngineError, type Trainer } from '../engine/index.ts';
import { errorReport } from './errorReport.ts';
import type { InspectedKind, NumericsFrame, SessionEvent } from './protocol.ts';

interface NumericsRun {
  readonly run: number;
  readonly trainer: Trainer;
}

/** Switches the histograms of all runs on or off and reports them. An error here never fails the training. */
export class NumericsSwitch {
  readonly #post: (event: SessionEvent) => void;
  #interval: number | null = null;
  #noise = true;

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
  }

  /** @param noise whether the noise of what kernels narrow is measured too */
  set(interval: number | null, runs: readonly NumericsRun[], noise = true): void {
    this.#interval = interval;
    this.#noise = noise;
    for (const { trainer } of runs) {
      if (interval === null) trainer.numerics.disable();
      else void this.#enable(trainer, interval);
    }
  }

  /**
   * Prepares counting before the first step, so that no step competes with the compiler. A compared run counts its
   * gradients once at its end even when counting is off: the comparison table shows how many were flushed.
   */
  async prepare(trainer: Trainer, compared: boolean): Promise<void> {
    if (this.#interval !== null) await this.#enable(trainer, this.#interval);
    else if (compared) await this.#orRefuse(trainer.numerics.prepare());
  }

  /** Reports the gradients after a run's last step, unless counting was on: then the newest counted frame stays. */
  reportLast(run: number, frame: NumericsFrame): void {
    if (this.#interval === null) this.#post({ type: 'numerics', run, frame });
  }

  /** Sends the frames that have arrived. */
  report({ run, trainer }: NumericsRun): void {
    if (this.#interval === null) return;
    for (const frame of trainer.numerics.takeFrames()) this.#post({ type: 'numerics', run, frame });
  }

  async inspect(
    what: InspectedKind,
    runsNow: () => readonly NumericsRun[] | Promise<readonly NumericsRun[]>,
  ): Promise<void> {
    try {
      const runs = await runsNow();
      if (runs.length === 0) {
        throw new EngineError('BAD_VALUE', 'There is no model to inspect.', 'Train one first.');
      }
      for (const { run, trainer } of runs) {
        this.#post({ type: 'inspected', run, what, frame: await trainer.numerics.inspect(what) });
      }
    } catch (cause) {
      this.#refuse(cause);
    }
  }

  #enable({ numerics }: Trainer, interval: number): Promise<void> {
    return this.#orRefuse(numerics.enable(interval, this.#noise));
  }

  #orRefuse(prepared: Promise<void>): Promise<void> {
    return prepared.catch((cause: unknown) => this.#refuse(cause));
  }

  #refuse(cause: unknown): void {
    this.#post({ type: 'numericsRefused', error: errorReport(cause) });
  }
}
