/** The runs that were shown before the recording: what a visitor trained comes back when the story is left. */
import { setNumericsAside } from '../numericsStore.ts';
import { useRun } from '../runStore.ts';
import { setRunsAside } from '../runTransitions.ts';

let putBack: (() => void) | null = null;

/** Sets aside what is shown, unless that is a recording. */
export function setAside(): void {
  if (useRun.getState().purpose === 'recording') return;
  const [runs, numerics] = [setRunsAside(), setNumericsAside()];
  putBack = () => {
    runs();
    numerics();
  };
}

/** Shows again what was set aside, if a recording is still shown in its place. */
export function showAgain(): void {
  if (useRun.getState().purpose === 'recording') putBack?.();
  putBack = null;
}
