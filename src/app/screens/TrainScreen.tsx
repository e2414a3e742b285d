import { isBusy, useRun } from '../../store/runStore.ts';
import { dismissAddressProblems, useSettings } from '../../store/settingsStore.ts';
import { ControlsPanel } from '../features/run/ControlsPanel.tsx';
import { TilesPanel } from '../features/run/TilesPanel.tsx';
import { SettingsPanel } from '../features/settings/SettingsPanel.tsx';
import { useFileDrop } from '../hooks/useFileDrop.ts';
import { Button } from '../ui/Button.tsx';
import { DropHint } from '../ui/DropHint.tsx';
import { lazyPart } from '../ui/lazyPart.tsx';
import { Note } from '../ui/Note.tsx';
import styles from './TrainScreen.module.css';

// The page is usable before the charts have loaded.
const Charts = lazyPart(
  'charts',
  () => import('../charts/Charts.tsx'),
  <p className={styles.waiting}>Loading the charts…</p>,
);
// Results are needed only after a run.
const ResultsPanel = lazyPart('results', () => import('../features/run/ResultsPanel.tsx'));
// Needed only when an earlier visit left a run.
const SavedRunNote = lazyPart('note of saved runs', () => import('../features/saved/SavedRunNote.tsx'));
const RunNotes = lazyPart('errors of the runs', () => import('../features/run/RunNotes.tsx'));
const FileNote = lazyPart('note of opened files', () => import('../features/files/FileNote.tsx'));
const ExportPanel = lazyPart('export', () => import('../features/export/ExportPanel.tsx'));
const NumericsPanel = lazyPart('numerics', () => import('../features/numerics/NumericsPanel.tsx'));
const SamplePanel = lazyPart('samples', () => import('../features/samples/SamplePanel.tsx'));
const ComparePanel = lazyPart(
  'comparison',
  () => import('../features/compare/ComparePanel.tsx'),
  <p className={styles.waiting}>Loading the comparison…</p>,
);

export default function TrainScreen() {
  const fileOver = useFileDrop(takeDropped, textCanChange);
  const busy = useRun(isBusy);
  // Runs of a table have batches of their own, so that they are no comparison.
  const compared = useRun(({ configs, purpose }) => configs.length > 1 && purpose !== 'table');
  const single = useRun(({ configs }) => configs.length <= 1);
  const failed = useRun(({ error, runs }) => error !== null || runs.some((run) => run.error));
  return (
    <>
      <div className={styles.intro}>
        <h1>Train the same model in several number formats, and compare speed, memory and loss.</h1>
      </div>
      <AddressProblems />
      <div className={styles.columns}>
        <section className={styles.side} aria-label="Settings">
          <ControlsPanel />
          <SettingsPanel />
        </section>
        <section className={styles.board} aria-label="Training">
          <SavedRunNote />
          <FileNote />
          <PartOf />
          {failed && <RunNotes />}
          <TilesPanel />
          <Charts />
          <NumericsPanel />
          {compared && <ComparePanel />}
          {single && <ResultsPanel />}
          <SamplePanel />
          <ExportPanel />
        </section>
      </div>
      {fileOver && <DropHint text={busy ? BUSY_HINT : DROP_HINT} />}
    </>
  );
}

const DROP_HINT =
  'Drop a text to train on, or a .safetensors file: a model to start from, or a saved run to resume. It stays on this device.';
const BUSY_HINT = 'Files can be dropped here when the training has ended.';

async function takeDropped(file: File, all: readonly File[]): Promise<void> {
  const { takeDropped: take } = await import('../features/files/takeDropped.ts');
  await take(file, all);
}

function textCanChange(): boolean {
  return !isBusy(useRun.getState());
}

/** Shown when the current run belongs to a sweep, and when the runs are rows of the article's table. */
function PartOf() {
  const sweeping = useRun((state) => state.purpose === 'sweep' && isBusy(state));
  const inTable = useRun(({ purpose }) => purpose === 'table');
  return (
    <>
      {sweeping && (
        <p data-testid="sweep-line">
          This run is a cell of a sweep. <a href="#sweep">Show the sweep</a>
        </p>
      )}
      {inTable && (
        <p data-testid="table-line">
          These runs are for the article's table. <a href="#table">Show the table</a>
        </p>
      )}
    </>
  );
}

function AddressProblems() {
  const problems = useSettings((state) => state.addressProblems);
  if (problems.length === 0) return null;
  return (
    <div className={styles.problems}>
      <Note kind="caution" testId="address-problems">
        <ul className={styles.list}>
          {problems.map(({ message, hint }) => (
            <li key={message}>{`${message} ${hint}`}</li>
          ))}
        </ul>
        <Button onClick={dismissAddressProblems}>Dismiss</Button>
      </Note>
    </div>
  );
}
