import { longTasks } from './longTasks.ts';
import { logOf, useRun } from './runStore.ts';
import { useSettings } from './settingsStore.ts';

const STEPS_IN_SNAPSHOT = 200;

/** The state of the page for automation, as plain data. It is a copy: later changes do not affect it. */
export function snapshot() {
  const { status, adapter, unsupported, runs, active, error, sampleError } = useRun.getState();
  const { settings, addressProblems, ownText } = useSettings.getState();
  const views = runs.map((run, index) => {
    const steps = logOf(index)?.last(STEPS_IN_SNAPSHOT) ?? [];
    const latest = steps.at(-1);
    return {
      config: run.config,
      facts: run.facts,
      steps,
      evals: [...(logOf(index)?.evals ?? [])],
      sharpness: [...(logOf(index)?.sharpness ?? [])],
      scaler: latest
        ? {
            lossScale: latest.lossScale,
            appliedSteps: latest.appliedSteps,
            skippedSteps: latest.skippedSteps,
          }
        : null,
      liveBytes: run.facts?.memory.total ?? null,
      tokensPerSec: run.tokensPerSec,
      summary: run.summary,
      error: run.error,
      samples: run.samples,
      sample: run.samples.at(-1) ?? null,
    };
  });
  const errors = [error, ...runs.map((run) => run.error), sampleError, unsupported?.error ?? null].filter(
    (report) => report !== null,
  );
  return structuredClone({
    status,
    adapter,
    unsupported: unsupported?.reason ?? null,
    settings,
    ownText,
    addressProblems,
    active,
    runs: views,
    longTasks: longTasks(),
    errors,
  });
}

export type Snapshot = ReturnType<typeof snapshot>;

declare global {
  interface Window {
    /** The automation contract; see `e2e/`. */
    __trainer?: { snapshot(): Snapshot };
  }
}
