/** What becomes of files that were dropped on the Train screen: loaded when the first are. */
import { takeOwnText } from '../store/actions.ts';
import { openFiles } from '../store/fileActions.ts';
import { isBundle } from '../store/history/bundleHead.ts';
import { hasWeights } from '../store/modelFiles.ts';
import { showScreen } from './hooks/useScreen.ts';

/**
 * A model or a saved run, with what was dropped of its folder; a bundle of runs; or else a text to train on, which a bundle
 * is too, but hardly meant as one.
 * @param all that were dropped together, of which `file` is the first
 */
export async function takeDropped(file: File, all: readonly File[]): Promise<void> {
  if (hasWeights(all)) {
    openFiles(all);
    return;
  }
  if (!(await isBundle(file))) {
    takeOwnText(file);
    return;
  }
  showScreen('runs');
  const { importBundle } = await import('./runs/importBundle.ts');
  await importBundle(file);
}
