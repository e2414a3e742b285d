/**
 * Keeps every step that the worker reports in the page under test, because a snapshot of the page has only the last
 * 200.
 */
import type { TimedStep } from '../src/session/protocol.ts';

declare global {
  interface Window {
    /** Steps of each run since Train was pressed. */
    __reported?: TimedStep[][];
  }
}

/** Must run in a page before its own scripts. */
export function keepReported(): void {
  const reported: TimedStep[][] = [];
  window.__reported = reported;
  window.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options);
      this.addEventListener('message', ({ data }) => {
        if (data.type !== 'metrics') return;
        reported[data.run] ??= [];
        reported[data.run]!.push(...data.steps);
      });
    }
    override postMessage(command: { readonly type: string }): void {
      if (command.type === 'train') reported.length = 0;
      super.postMessage(command);
    }
  };
}

/** Runs in a page. @throws Error if `keepReported` did not run */
export function reportedSteps(run: number): TimedStep[] {
  if (!window.__reported) throw new Error('keepReported did not run before the page');
  return window.__reported[run] ?? [];
}

/** The results of a step, without its times. */
export type Result = Omit<TimedStep, 'time' | 'gpuMs'>;

/** From this many steps on, a saved run keeps only a selection (`src/session/curve.ts`). */
const KEPT = 1000;

/** @throws Error if a step was reported twice, out of order, or not at all */
export function resultsOf(steps: readonly TimedStep[]): Result[] {
  const whole = steps.length < KEPT;
  for (const [i, { step }] of steps.entries()) {
    const before = steps[i - 1]?.step ?? step - 1;
    if (step <= before || (whole && step > before + 1))
      throw new Error(`step ${step} was reported after ${before}`);
  }
  return steps.map(({ time: _, gpuMs: __, ...result }) => result);
}
