import { useRun } from '../../../store/runStore.ts';
import { lazyPart } from '../../ui/lazyPart.tsx';
import { ErrorNote } from '../../ui/Note.tsx';
import { isMeantToFail, keyOf, RunError } from './RunError.tsx';

const RecoveryAction = lazyPart('button for the remedy', () => import('./RecoveryAction.tsx'));

/** A lazy chunk: the errors that ended runs, but for those of modes that are made to fail, which are notes. */
export default function RunNotes() {
  const error = useRun((state) => state.error);
  const runs = useRun((state) => state.runs);
  return (
    <>
      {error && (
        <ErrorNote error={error} testId="run-error">
          <RecoveryAction error={error} />
        </ErrorNote>
      )}
      {runs.map((run) => run.error && !isMeantToFail(run) && <RunError key={keyOf(run)} run={run} />)}
    </>
  );
}
