/** Trains several runs on one device in lockstep: one step of each in turn, so that their curves grow together. */
import type { EngineError } from '../core/errors.ts';
import type { RunSummary } from './metrics.ts';
import type { RunControl } from './run.ts';
import { type RunEvents, SteppedRun, TooManySkipsError } from './steppedRun.ts';
import type { Trainer } from './trainer.ts';

export interface LockstepEvents extends RunEvents {
  /** This run has ended; others may continue. `tokensPerSec` is null because the runs share the GPU. */
  onFinished(summary: RunSummary): void;
  /** This run has failed; the others continue. */
  onFailed(error: EngineError): void;
}

export interface Lane {
  readonly trainer: Trainer;
  readonly events: LockstepEvents;
}

/**
 * Trains all lanes, each until its configured number of steps, a stop, or its own failure. Pause and stop take effect
 * after a round, so that all lanes have taken the same number of steps.
 * @throws EngineError DEVICE_LOST or GPU_VALIDATION, the first fault of the shared device, which ends all lanes
 */
export async function runLockstep(lanes: readonly Lane[], control: RunControl): Promise<void> {
  let active = lanes.map(({ trainer, events }) => ({ run: new SteppedRun(trainer, events, false), events }));
  try {
    while (active.length > 0) {
      if (control.paused) {
        for (const { run } of active) await run.settle();
        await control.whileRunning();
      }
      const round = active;
      active = [];
      for (const lane of round) {
        if (control.stopped || lane.run.isOver) await finish(lane, control);
        else active.push(lane);
      }
      // Only the lanes with the fewest steps advance, so that a lane resumed from an earlier state catches up.
      const least = Math.min(...active.map(({ run }) => run.trainer.submittedSteps));
      for (const { run } of active) if (run.trainer.submittedSteps === least) await run.advance();
    }
  } catch (error) {
    // A failed readback does not say why it failed; the fault of the device does.
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
