/** The stage `longtasks`: measures how long the page's main thread is blocked during training. */
import type { BenchContext, BenchResults } from './benchContext.ts';
import { browserBench } from './browserBench.ts';
import { textTable } from './table.ts';

/** The output of bench/longTasks.mjs for each training. */
interface PageTraining {
  readonly query: string;
  readonly steps: number;
  readonly seconds: number;
  /** Tasks of the main thread above 50 ms; null when the browser does not report them. */
  readonly longTasks: {
    readonly count: number;
    readonly longestMs: number;
    readonly totalMs: number;
  } | null;
  /** Processor time of the main thread. */
  readonly busySeconds: number;
}

export async function longtasks({ print }: BenchContext, results: BenchResults): Promise<void> {
  const trainings = browserBench<PageTraining[]>('longTasks.mjs');
  results.json.longtasks = trainings;
  const rows = trainings.map(({ query, steps, seconds, longTasks, busySeconds }) => [
    query,
    String(steps),
    seconds.toFixed(1),
    longTasks ? String(longTasks.count) : 'not reported',
    longTasks ? longTasks.longestMs.toFixed(0) : '',
    longTasks ? longTasks.totalMs.toFixed(0) : '',
    busySeconds.toFixed(2),
  ]);
  print(
    textTable(
      ['page, preset smoke', 'steps', 'seconds', 'tasks above 50 ms', 'longest, ms', 'all, ms', 'busy, s'],
      rows,
    ),
  );
}
