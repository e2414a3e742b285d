import { isBusy, useRun } from '../../store/runStore.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { useFileDrop } from '../hooks/useFileDrop.ts';
import { ControlsPanel } from '../panels/ControlsPanel.tsx';
import { SettingsPanel } from '../panels/SettingsPanel.tsx';
import { TilesPanel } from '../panels/TilesPanel.tsx';
import { Button } from '../ui/Button.tsx';
import { DropHint } from '../ui/DropHint.tsx';
import { lazyPart } from '../ui/lazyPart.tsx';
import { Note } from '../ui/Note.tsx';
import styles from './TrainScreen.module.css';

// recharts is larger than everything else together, so the page is usable before it has loaded.
const Charts = lazyPart(
  'charts',
  () => import('../charts/Charts.tsx'),
  <p className={styles.waiting}>Loading the charts…</p>,
);
// Results are needed only after a run.
const ResultsPanel = lazyPart('results', () => import('../panels/ResultsPanel.tsx'));
// Needed only when an earlier visit left a run.
const SavedRunNote = lazyPart('note of saved runs', () => import('../panels/SavedRunNote.tsx'));
const RunNotes = lazyPart('notes about the runs', () => import('../panels/RunNotes.tsx'));
const FileNote = lazyPart('note of opened files', () => import('../panels/FileNote.tsx'));
const ExportPanel = lazyPart('export', () => import('../panels/ExportPanel.tsx'));
const NumericsPanel = lazyPart('numerics', () => import('../panels/numerics/NumericsPanel.tsx'));
const SamplePanel = lazyPart('samples', () => import('../panels/SamplePanel.tsx'));
const ComparePanel = lazyPart(
  'comparison',
  () => import('../compare/ComparePanel.tsx'),
  <p className={styles.waiting}>Loading the comparison…</p>,
);

export default function TrainScreen() {
  const fileOver = useFileDrop(takeDropped, textCanChange);
  const busy = useRun((state) => isBusy(state.status));
  const several = useRun((state) => state.configs.length > 1);
  const noted = useRun(
    ({ error, runs }) => error !== null || runs.some((run) => run.error || run.warnings.length > 0),
  );
  return (
    <>
      <div className={styles.intro}>
        <h1>
          Train a small GPT in this tab, in FP32 and in mixed f16 with loss scaling, and see the difference.
        </h1>
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
          <SweepLine />
          {noted && <RunNotes />}
          <TilesPanel />
          <Charts />
          <NumericsPanel />
          {several ? <ComparePanel /> : <ResultsPanel />}
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
  const { takeDropped: take } = await import('../takeDropped.ts');
  await take(file, all);
}

function textCanChange(): boolean {
  return !isBusy(useRun.getState().status);
}

/** Shown when the current run belongs to a sweep. */
function SweepLine() {
  const sweeping = useRun(({ purpose, status }) => purpose === 'sweep' && isBusy(status));
  if (!sweeping) return null;
  return (
    <p data-testid="sweep-line">
      This run is a cell of a sweep. <a href="#sweep">Show the sweep</a>
    </p>
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
        <Button onClick={() => useSettings.setState({ addressProblems: [] })}>Dismiss</Button>
      </Note>
    </div>
  );
}
