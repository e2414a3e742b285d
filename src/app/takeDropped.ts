/** What becomes of a file that was dropped on the Train screen: loaded when the first one is. */
import { takeOwnText } from '../store/actions.ts';
import { isBundle } from '../store/history/bundleHead.ts';
import { showScreen } from './hooks/useScreen.ts';

/** A text to train on. A bundle of runs is one too, but hardly meant as one. */
export async function takeDropped(file: File): Promise<void> {
  if (!(await isBundle(file))) {
    takeOwnText(file);
    return;
  }
  showScreen('runs');
  const { importBundle } = await import('./runs/importBundle.ts');
  await importBundle(file);
}
