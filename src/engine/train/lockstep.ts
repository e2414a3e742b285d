/** Several runs on one device, a step each in turn, so that their curves grow together. */
import type { EngineError } from '../core/errors.ts';
import type { RunSummary } from './metrics.ts';
import type { RunControl } from './run.ts';
import { type RunEvents, SteppedRun, TooManySkipsError } from './steppedRun.ts';
import type { Trainer } from './trainer.ts';

export interface LockstepEvents extends RunEvents {
  /** This run is over; the others may still be going on. `tokensPerSec` is null: the steps of the others lie between. */
  onFinished(summary: RunSummary): void;
  /** This run cannot go on; the others do. */
  onFailed(error: EngineError): void;
}

export interface Lane {
  readonly trainer: Trainer;
  readonly events: LockstepEvents;
}

/**
 * Trains all lanes, each until its number of steps, a stop, or a failure of its own. Pause and stop take effect after a
 * round, so that all lanes have taken the same number of steps.
 * @throws EngineError DEVICE_LOST or GPU_VALIDATION, the first fault of the device they share: no lane survives it
 */
export async function runLockstep(lanes: readonly Lane[], control: RunControl): Promise<void> {
  let going = lanes.map(({ trainer, events }) => ({ run: new SteppedRun(trainer, events, false), events }));
  try {
    while (going.length > 0) {
      if (control.paused) {
        for (const { run } of going) await run.settle();
        await control.whileRunning();
      }
      const round = going;
      going = [];
      for (const lane of round) {
        if (control.stopped || lane.run.isOver) await finish(lane, control);
        else going.push(lane);
      }
      // A lane that went on from an earlier state than the others catches up.
      const least = Math.min(...going.map(({ run }) => run.trainer.submittedSteps));
      for (const { run } of going) if (run.trainer.submittedSteps === least) await run.advance();
    }
  } catch (error) {
    // A readback that fails says little; the device knows why.
    throw lanes[0]?.trainer.faults.explain(error) ?? error;
  }
}

async function finish(
  { run, events }: { run: SteppedRun; events: LockstepEvents },
  control: RunControl,
): Promise<void> {
  let summary: RunSummary;
  try {
    summary = await run.finish(!control.abandoned);
  } catch (error) {
    if (!(error instanceof TooManySkipsError)) throw error;
    events.onFailed(error);
    return;
  }
  events.onFinished(summary);
}
