import { EngineError, type Trainer } from '../engine/index.ts';
import { errorReport } from './errorReport.ts';
import type { InspectedKind, NumericsFrame, SessionEvent } from './protocol.ts';

interface NumericsRun {
  readonly run: number;
  readonly trainer: Trainer;
}

/** Histograms of the runs' numbers: on or off for all, and what they report. Never makes training fail. */
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
      else void this.#enable(trainer, interval);
    }
  }

  /**
   * Before the first step, so that no step runs beside the compiler. A compared run counts its gradients once at its end even
   * where counting is switched off: its table says how many were lost.
   */
  async prepare(trainer: Trainer, compared: boolean): Promise<void> {
    if (this.#interval !== null) await this.#enable(trainer, this.#interval);
    else if (compared) await this.#orRefuse(trainer.numerics.prepare());
  }

  /** The gradients after a run's last step: where steps were counted too, the newest of those stays. */
  reportLast(run: number, frame: NumericsFrame): void {
    if (this.#interval === null) this.#post({ type: 'numerics', run, frame });
  }

  /** Passes on what has arrived. */
  report({ run, trainer }: NumericsRun): void {
    if (this.#interval === null) return;
    for (const frame of trainer.numerics.takeFrames()) this.#post({ type: 'numerics', run, frame });
  }

  async inspect(what: InspectedKind, runsNow: () => readonly NumericsRun[]): Promise<void> {
    try {
      const runs = runsNow();
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

  #enable({ numerics }: Trainer, interval: number): Promise<void> {
    return this.#orRefuse(numerics.enable(interval));
  }

  #orRefuse(prepared: Promise<void>): Promise<void> {
    return prepared.catch((cause: unknown) => this.#refuse(cause));
  }

  #refuse(cause: unknown): void {
    this.#post({ type: 'numericsRefused', error: errorReport(cause) });
  }
}
