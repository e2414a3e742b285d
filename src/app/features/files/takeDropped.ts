/** Handles files that were dropped in the Lab; loaded with the first of them. */

import { isModel } from '../../../engine/index.ts';
import { takeOwnText } from '../../../store/actions.ts';
import { openFiles } from '../../../store/fileActions.ts';
import { isBundle } from '../../../store/history/bundleHead.ts';
import { showScreen } from '../../hooks/useScreen.ts';

/**
 * Opens a model or a saved run, with the other dropped files of its folder, or says which file of it is missing; imports a
 * bundle of runs; takes any other file as a text to train on.
 * @param all the files dropped together, of which `file` is the first
 */
export async function takeDropped(file: File, all: readonly File[]): Promise<void> {
  if (isModel(all)) {
    openFiles(all);
    return;
  }
  if (!(await isBundle(file))) {
    takeOwnText(file);
    return;
  }
  showScreen('runs');
  const { importBundle } = await import('../runs/importBundle.ts');
  await importBundle(file);
}
