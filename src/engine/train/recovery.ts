/** Training that goes on by itself where its device is lost: on a new one, from the newest state that was kept. */

import { EngineError } from '../core/errors.ts';
import { type DeviceAccess, lossOf, type OpenGpu } from '../gpu/deviceAccess.ts';
import type { RunControl } from './run.ts';

/** Milliseconds before each try to open a new device: an adapter may be away while its driver restarts or the page is hidden. */
const TRY_AFTER_MS = [0, 500, 1000, 2000, 4000, ...Array.from({ length: 7 }, () => 8000)];
/** A device that is lost again so soon would be lost for ever. */
const TOO_SOON_MS = 60_000;

/** Time as `Recovery` needs it. */
export interface RecoveryClock {
  /** Milliseconds. */
  now(): number;
  wait(milliseconds: number): Promise<void>;
}

const REAL_CLOCK: RecoveryClock = {
  now: () => performance.now(),
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

/** What is to survive a loss, such as a run or the runs of a lockstep. */
export interface Survivor<T> {
  /** Makes trainers on this device, from the newest state, and trains them to their end. */
  train(gpu: OpenGpu): Promise<T>;
  /** The device is gone: what belonged to it is to be dropped, and nothing that comes of it told. */
  drop(): void;
  /** Whether and where the runs are saved, in a sentence, for when they cannot go on. */
  saved(): Promise<string>;
  /** A stop also ends the waiting for a new device. */
  readonly control: RunControl;
}

/** What all trainings of a program share: a device that is lost again and again is lost for each of them. */
export class Recovery {
  readonly #access: DeviceAccess;
  readonly #clock: RecoveryClock;
  /** When the device that replaced a lost one was opened. */
  #backAt = Number.NEGATIVE_INFINITY;

  constructor(access: DeviceAccess, clock = REAL_CLOCK) {
    this.#access = access;
    this.#clock = clock;
  }

  /**
   * Trains, and where the device is lost, again on a new one. Null when it was stopped while there was none.
   * @throws EngineError DEVICE_LOST when the new device is lost within a minute as well; NO_ADAPTER or DEVICE_FAILED when
   * none is given for about a minute; and what `train` fails with
   */
  async run<T>(survivor: Survivor<T>): Promise<T | null> {
    let gpu = await this.#access.open();
    for (;;) {
      try {
        return await Promise.race([survivor.train(gpu), gpu.lost]);
      } catch (cause) {
        // A loss is reported as such; what fails because of it is only a consequence.
        const loss = await lossOf(gpu);
        if (!loss) throw cause;
        survivor.drop();
        if (this.#clock.now() - this.#backAt < TOO_SOON_MS) throw lostAgain(loss, await survivor.saved());
        const next = await this.#reopen(survivor);
        if (!next) return null;
        gpu = next;
        this.#backAt = this.#clock.now();
      }
    }
  }

  /** Null when it was stopped meanwhile. */
  async #reopen({ control, saved }: Survivor<unknown>): Promise<OpenGpu | null> {
    let failure: unknown;
    for (const delay of TRY_AFTER_MS) {
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
