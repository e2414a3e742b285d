/** Recovers from a lost device: training continues on a new one from the newest saved or copied state. */

import { EngineError } from '../core/errors.ts';
import { type DeviceAccess, lossOf, type OpenGpu } from '../gpu/deviceAccess.ts';
import type { RunControl } from './run.ts';

/**
 * Delays in milliseconds before each attempt to open a new device. An adapter may be missing while its driver restarts or
 * the page is hidden.
 */
const RETRY_DELAYS_MS = [0, 500, 1000, 2000, 4000, ...Array.from({ length: 7 }, () => 8000)];
/** A device that is lost again within this time would probably be lost again and again. */
const TOO_SOON_MS = 60_000;

/** The clock that `Recovery` uses, which tests replace. */
export interface RecoveryClock {
  /** Milliseconds. */
  now(): number;
  wait(milliseconds: number): Promise<void>;
}

const REAL_CLOCK: RecoveryClock = {
  now: () => performance.now(),
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

/** Training that can be continued on another device, such as one run or the runs of a lockstep. */
export interface RecoverableTraining<T> {
  /** Creates trainers on this device from the newest state and trains them to their end. */
  train(gpu: OpenGpu): Promise<T>;
  /** Called when the device is lost. It drops everything on the device and reports no further events of it. */
  drop(): void;
  /** A sentence that says whether and where the runs are saved, for the error when training cannot continue. */
  saved(): Promise<string>;
  /** A stop also ends the wait for a new device. */
  readonly control: RunControl;
}

/** All trainings of a program share one instance, because a device that keeps getting lost is lost for all of them. */
export class Recovery {
  readonly #access: DeviceAccess;
  readonly #clock: RecoveryClock;
  /** When the last replacement device was opened. */
  #reopenedAt = Number.NEGATIVE_INFINITY;

  constructor(access: DeviceAccess, clock = REAL_CLOCK) {
    this.#access = access;
    this.#clock = clock;
  }

  /**
   * Trains, and continues on a new device whenever one is lost.
   * @returns null when training was stopped while there was no device
   * @throws EngineError DEVICE_LOST when a replacement device is lost within a minute; NO_ADAPTER or DEVICE_FAILED when no
   * device can be opened for about a minute; and the errors of `train`
   */
  async run<T>(training: RecoverableTraining<T>): Promise<T | null> {
    let gpu = await this.#access.open();
    for (;;) {
      try {
        return await Promise.race([training.train(gpu), gpu.lost]);
      } catch (cause) {
        // If the device was lost, the error is only a consequence of that.
        const loss = await lossOf(gpu);
        if (!loss) throw cause;
        training.drop();
        if (this.#clock.now() - this.#reopenedAt < TOO_SOON_MS) throw lostAgain(loss, await training.saved());
        const next = await this.#reopen(training);
        if (!next) return null;
        gpu = next;
        this.#reopenedAt = this.#clock.now();
      }
    }
  }

  /** Opens a new device; null when training was stopped meanwhile. */
  async #reopen({ control, saved }: RecoverableTraining<unknown>): Promise<OpenGpu | null> {
    let failure: unknown;
    for (const delay of RETRY_DELAYS_MS) {
      await Promise.race([this.#clock.wait(delay), control.untilStopped]);
      if (control.stopped) return null;
      try {
        return await this.#access.open();
      } catch (cause) {
        failure = cause;
      }
    }
    if (!(failure instanceof EngineError)) throw failure;
    const { code, message, hint } = failure;
    throw new EngineError(
      code,
      `The GPU was lost and did not come back. ${message}`,
      `${await saved()} ${hint}`,
    );
  }
}

function lostAgain(loss: unknown, saved: string): EngineError {
  const why = loss instanceof Error ? ` ${loss.message}` : '';
  return new EngineError(
    'DEVICE_LOST',
    `The GPU was lost twice within a minute.${why}`,
    `${saved} Close other pages and programs that use the GPU, or choose a smaller batch or preset.`,
    { cause: loss },
  );
}
