/** A lazy chunk, because the page opens without needing the ended runs. */

import { useEffect, useRef } from 'react';
import { forgetRemoved, loadHistory, undoRemove } from '../../../store/history/history.ts';
import { useHistory } from '../../../store/history/historyStore.ts';
import { keepRuns } from '../../../store/history/keepRuns.ts';
import type { RunRecord } from '../../../store/history/record.ts';
import { isBusy, useRun } from '../../../store/runStore.ts';
import { useFileDrop } from '../../hooks/useFileDrop.ts';
import { statusLine } from '../../messages.ts';
import { Actions } from '../../ui/Actions.tsx';
import { Button } from '../../ui/Button.tsx';
import { DropHint } from '../../ui/DropHint.tsx';
import { TextField } from '../../ui/Field.tsx';
import { lazyPart } from '../../ui/lazyPart.tsx';
import { Note } from '../../ui/Note.tsx';
import screen from '../../ui/Screen.module.css';
import { Differences } from './Differences.tsx';
import { importBundle } from './importBundle.ts';
import { removedSentence } from './messages.ts';
import styles from './RunsScreen.module.css';
import { RunsTable } from './RunsTable.tsx';
import { RunsToolbar } from './RunsToolbar.tsx';
import { UnreadableRuns } from './UnreadableRuns.tsx';
import { useRunsView } from './view.ts';

const Overlay = lazyPart(
  'charts of these runs',
  () => import('./Overlay.tsx'),
  <p className={styles.empty}>Loading the charts…</p>,
);

export default function RunsScreen() {
  const loaded = useHistory((state) => state.loaded);
  const runs = useHistory((state) => state.runs);
  const chosen = useChosenRuns();
  const fileOver = useFileDrop(importBundle);
  useEffect(() => {
    keepRuns();
    void loadHistory();
  }, []);
  return (
    <div className={screen.screen} data-testid="runs-screen">
      <h1>Runs</h1>
      <TrainingLine />
      <RunsToolbar chosen={chosen} />
      <ImportResult />
      <Removed />
      {runs.length > 1 && <RunsFilter />}
      {runs.length > 0 && <RunsTable />}
      {runs.length === 0 && (
        <p className={styles.empty} data-testid="no-runs">
          {loaded
            ? 'No runs yet. Every run that finishes, is stopped or fails after its first step is stored here automatically, in this browser only.'
            : 'Loading the runs of this browser…'}
        </p>
      )}
      {chosen.length > 0 && (
        <section className={styles.compare} aria-label="Chosen runs" data-testid="chosen-runs">
          <Overlay runs={chosen} />
          <Differences runs={chosen} />
        </section>
      )}
      <UnreadableRuns />
      {fileOver && <DropHint text="Drop a bundle of runs to import it." />}
    </div>
  );
}

function RunsFilter() {
  const filter = useRunsView((state) => state.filter);
  const starredOnly = useRunsView((state) => state.starredOnly);
  const filterBy = useRunsView((state) => state.filterBy);
  return (
    <search className={styles.filter}>
      <TextField
        label="Filter"
        type="search"
        placeholder="name, mode, preset, text or note"
        value={filter}
        onChange={({ target }) => filterBy({ filter: target.value })}
        data-testid="filter-runs"
      />
      <label>
        <input
          type="checkbox"
          checked={starredOnly}
          onChange={({ target }) => filterBy({ starredOnly: target.checked })}
          data-testid="filter-starred"
        />
        <span>Starred only</span>
      </label>
    </search>
  );
}

function useChosenRuns(): readonly RunRecord[] {
  const runs = useHistory((state) => state.runs);
  const chosen = useRunsView((state) => state.chosen);
  return chosen.flatMap((id) => runs.find((run) => run.id === id) ?? []);
}

/** Progress of a training that continues meanwhile. */
function TrainingLine() {
  const busy = useRun(isBusy);
  const line = useRun(statusLine);
  if (!busy) return null;
  return (
    <p className={styles.training} data-testid="training-line">
      <span>{`${line}. `}</span>
      <a href="#train">Show it</a>
    </p>
  );
}

function ImportResult() {
  const imported = useRunsView((state) => state.imported);
  const report = useRunsView((state) => state.report);
  if (!imported) return null;
  const dismiss = <Button onClick={() => report(null)}>Dismiss</Button>;
  if ('text' in imported) {
    return (
      <Note testId="imported">
        <p role="status">{imported.text}</p>
        {dismiss}
      </Note>
    );
  }
  return (
    <Note kind="bad" testId="import-problem">
      <p>{`${imported.problem.message} ${imported.problem.hint}`}</p>
      {dismiss}
    </Note>
  );
}

function Removed() {
  const removed = useHistory((state) => state.removed);
  const undo = useRef<HTMLButtonElement>(null);
  // The pressed button is gone; without this, keyboard focus would return to the top of the page.
  useEffect(() => {
    if (removed.length > 0) undo.current?.focus({ preventScroll: true });
  }, [removed]);
  if (removed.length === 0) return null;
  const only = removed.length === 1 ? (removed[0]!.value as Partial<RunRecord> | null)?.name : null;
  return (
    <div className={styles.removed}>
      <Note testId="removed">
        <p role="status">{removedSentence(removed.length, typeof only === 'string' ? only : null)}</p>
        <Actions>
          <Button ref={undo} onClick={() => void undoRemove()} data-testid="undo-delete">
            Undo
          </Button>
          <Button onClick={forgetRemoved}>Dismiss</Button>
        </Actions>
      </Note>
    </div>
  );
}
