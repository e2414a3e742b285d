/** Measures whether the page stays responsive while it trains: tasks of the main thread that took longer than 50 ms. */
import { useRun } from './runStore.ts';

export interface LongTasks {
  readonly count: number;
  readonly longestMs: number;
  readonly totalMs: number;
}

const NONE: LongTasks = { count: 0, longestMs: 0, totalMs: 0 };

/** Null where the browser does not report long tasks; so far only Chromium does. */
let found: LongTasks | null = null;

/** Called once at start. */
export function watchLongTasks(): void {
  if (!PerformanceObserver.supportedEntryTypes.includes('longtask')) return;
  found = NONE;
  useRun.subscribe(({ configs }, before) => {
    if (configs !== before.configs) found = NONE;
  });
  new PerformanceObserver((list) => {
    if (useRun.getState().status !== 'training') return;
    for (const { duration } of list.getEntries()) {
      const { count, longestMs, totalMs } = found ?? NONE;
      found = {
        count: count + 1,
        longestMs: Math.max(longestMs, duration),
        totalMs: totalMs + duration,
      };
    }
  }).observe({ type: 'longtask' });
}

/** Long tasks since Train was last pressed, without preparation, pauses and everything after the end. */
export function longTasks(): LongTasks | null {
  return found;
}
