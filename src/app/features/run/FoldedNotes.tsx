import { type RunView, useRun } from '../../../store/runStore.ts';
import { dismissWarning } from '../../../store/runTransitions.ts';
import { runLabel } from '../../messages.ts';
import { Button } from '../../ui/Button.tsx';
import { Note } from '../../ui/Note.tsx';
import styles from './FoldedNotes.module.css';
import { isMeantToFail, keyOf, RunError } from './RunError.tsx';

/**
 * A lazy chunk: the warnings that runs continued from, and the failures of modes that are made to fail. One line until
 * it is opened, and as high without them, since they come while the page is read.
 */
export default function FoldedNotes() {
  const runs = useRun((state) => state.runs);
  const expected = runs.filter((run) => run.error && isMeantToFail(run));
  const warned = runs.flatMap((run, index) => run.warnings.map((warning) => ({ run, index, warning })));
  const about = (run: RunView, message: string) =>
    runs.length > 1 ? `${runLabel(run)}: ${message}` : message;
  const lines = [
    ...expected.map((run) => about(run, run.error!.message)),
    ...warned.map(({ run, warning }) => about(run, warning.message)),
  ];
  if (lines.length === 0) return null;
  return (
    <details className={styles.notes} data-testid="run-notes">
      <summary>
        <strong>{lines.length === 1 ? '1 note: ' : `${lines.length} notes: `}</strong>
        <span>{lines[0]}</span>
      </summary>
      <div className={styles.list}>
        {expected.map((run) => (
          <RunError key={keyOf(run)} run={run} />
        ))}
        {warned.map(({ run, index, warning }) => (
          <Note key={`${keyOf(run)} ${warning.kind}`} kind="caution" testId={`warning-${warning.kind}`}>
            <p>{`${about(run, warning.message)} ${warning.hint}`}</p>
            <Button onClick={() => dismissWarning(index, warning)}>Dismiss</Button>
          </Note>
        ))}
      </div>
    </details>
  );
}
