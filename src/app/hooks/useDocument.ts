import { useEffect } from 'react';
import { overallProgress, type RunState, useRun } from '../../store/runStore.ts';
import { useUi } from '../../store/uiStore.ts';
import { formatLoss } from '../format.ts';
import { showProgressIcon } from '../progressIcon.ts';

/** Updates everything outside React: the title, and the attributes that style sheets and automation read. */
export function useDocument(): void {
  const status = useRun((state) => state.status);
  const title = useRun(documentTitle);
  const share = useRun(progressShare);
  const theme = useUi((state) => state.theme);
  const still = useUi((state) => state.still);

  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => showProgressIcon(share), [share]);
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

/** Whole percent of all runs. */
function percentDone(runs: number, active: number, step: number, steps: number): number {
  return Math.round((100 * (active + step / steps)) / runs);
}

/**
 * The progress shown by the icon, in steps of 5 % so that it is not redrawn all the time; null when nothing is
 * training.
 */
function progressShare({ status, runs, active }: RunState): number | null {
  const run = runs[active];
  if (!run?.latest || (status !== 'training' && status !== 'paused' && status !== 'stopping')) return null;
  return Math.round(percentDone(runs.length, active, run.latest.step, run.config.steps) / 5) / 20;
}

/** The title, so that training can be followed from other tabs: "42 % · 1.832 · Halfstep". */
function documentTitle({ status, runs, active }: RunState): string {
  const run = runs[active];
  const step = run?.latest;
  if (!run || !step || status === 'idle') return 'Halfstep';
  const percent = Math.round(100 * overallProgress({ runs }));
  const where = { training: `${percent} %`, paused: `Paused at ${percent} %`, done: 'Done' };
  const prefix = where[status as keyof typeof where] ?? status;
  return `${prefix} · ${formatLoss(step.loss)} · Halfstep`;
}
