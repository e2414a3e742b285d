/** Sentences about the state of the run, for several features. Messages of the engine are shown unchanged. */

import { scalingOf, variantTitle } from '../engine/index.ts';
import type { MetricsLog } from '../store/metricsLog.ts';
import type { RunState, RunStatus, RunView } from '../store/runStore.ts';
import { formatCount, formatLoss, formatPowerOfTwo, formatTimeLeft } from './format.ts';

export function runLabel(run: Pick<RunView, 'mode'>): string {
  return variantTitle(run.mode);
}

const STATUS_WORDS: Readonly<Record<RunStatus, string>> = {
  idle: 'Ready',
  preparing: 'Preparing',
  training: 'Training',
  paused: 'Paused',
  stopping: 'Stopping after this step',
  done: 'Done',
  failed: 'Failed',
  lost: 'GPU lost',
};

/** The line below the buttons. */
export function statusLine(state: RunState): string {
  const { status, compiling, runs, active, writing } = state;
  const run = runs[active];
  const which = runs.length > 1 && run ? `${whichRun(state, run)}: ` : '';
  if (status === 'idle') return 'Press Train to start.';
  if (status === 'preparing') return `${which}${preparingLine(compiling)}`;
  if (status === 'done' && runs.length > 1) return `Done, ${runs.length} runs`;
  if (!run?.latest) {
    return `${which}${status === 'training' ? 'waiting for the first step' : STATUS_WORDS[status]}`;
  }
  const steps = `step ${formatCount(run.latest.step)} of ${formatCount(run.config.steps)}`;
  if (status === 'done') return `Done, ${steps}`;
  if (status === 'training') {
    const rest = writing
      ? 'writing a sample'
      : run.latest.step < run.config.steps
        ? formatTimeLeft(run.secondsLeft)
        : 'evaluating';
    return `${which}${steps}, ${rest}`;
  }
  return `${which}${STATUS_WORDS[status]}, ${steps}`;
}

function whichRun({ runs, active, schedule }: RunState, run: RunView): string {
  const seed = run.config.seed;
  const seeded = runs.some((other) => other.config.seed !== seed) ? `, seed ${seed}` : '';
  if (schedule === 'sequential') return `${runLabel(run)}${seeded}, run ${active + 1} of ${runs.length}`;
  const together = runs.filter((other) => other.config.seed === seed && !other.error);
  return `${together.length} runs in turn${seeded}`;
}

function preparingLine(compiling: RunState['compiling']): string {
  if (!compiling) return 'reading the text';
  if (compiling.total === 0) return 'measuring the adapter';
  return `compiling kernels, ${compiling.compiled} of ${compiling.total}`;
}

/** The progress for screen readers, short and in words. */
export function progressSentence({ status, runs, active }: RunState): string {
  const run = runs[active];
  const step = run?.latest;
  if (!run || !step) return STATUS_WORDS[status];
  const scaled = scalingOf(run.config).kind !== 'none';
  const scale = scaled ? `, loss scale 2 to the ${Math.log2(step.lossScale)}` : '';
  return `${STATUS_WORDS[status]}, ${runLabel(run)}: step ${step.step}, loss ${formatLoss(step.loss)}${scale}, ${step.skippedSteps} skipped`;
}

/** Says why the step at `at` of the log was skipped, and what became of the loss scale. */
export function skipSentence(log: MetricsLog, at: number): string {
  const { step, scaleLog2 } = log.columns;
  const overflow = log.overflowAt(at);
  const tensor = overflow ? `${overflow} overflowed` : 'a gradient was not finite';
  const skipped = `Step ${formatCount(step[at]!)} skipped: ${tensor}.`;
  if (at + 1 === log.length || scaleLog2[at + 1] === scaleLog2[at]) return skipped;
  return `${skipped} Scale ${formatPowerOfTwo(scaleLog2[at]!)} to ${formatPowerOfTwo(scaleLog2[at + 1]!)}. Normal.`;
}
