import { useEffect } from 'react';
import { overallProgress, type RunState, useRun } from '../../store/runStore.ts';
import { useUi } from '../../store/uiStore.ts';
import { formatLoss } from '../format.ts';

/** Keeps what lies outside React in step: the title, and the attributes that style sheets and machines read. */
export function useDocument(): void {
  const status = useRun((state) => state.status);
  const title = useRun(documentTitle);
  const theme = useUi((state) => state.theme);
  const still = useUi((state) => state.still);

  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => {
    document.documentElement.dataset.runState = status;
  }, [status]);
  useEffect(() => {
    const { dataset } = document.documentElement;
    if (theme === 'system') delete dataset.theme;
    else dataset.theme = theme;
  }, [theme]);
  useEffect(() => {
    document.documentElement.dataset.ui = still ? 'still' : 'live';
  }, [still]);
}

/** A training tab is watched from other tabs: "42 % · 1.832 · Halfstep". */
function documentTitle({ status, runs, active }: RunState): string {
  const run = runs[active];
  const step = run?.latest;
  if (!run || !step || status === 'idle') return 'Halfstep';
  const percent = Math.round(100 * overallProgress({ runs }));
  const where = { training: `${percent} %`, paused: `Paused at ${percent} %`, done: 'Done' };
  const prefix = where[status as keyof typeof where] ?? status;
  return `${prefix} · ${formatLoss(step.loss)} · Halfstep`;
}
