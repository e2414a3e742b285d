import { readBundle } from '../../../store/history/bundle.ts';
import { importRuns } from '../../../store/history/history.ts';
import { keepRuns } from '../../../store/history/keepRuns.ts';
import { importSentence } from './messages.ts';
import { useRunsView } from './view.ts';

/** Imports a bundle and reports the result. */
export async function importBundle(file: File): Promise<void> {
  const { report } = useRunsView.getState();
  const reading = await readBundle(file);
  if ('problem' in reading) {
    report(reading);
    return;
  }
  keepRuns();
  const added = await importRuns(reading.runs);
  report({ text: importSentence(added, reading.runs.length) });
}
