import { recipeFor } from '../../../engine/index.ts';
import { dismissWarning, useRun } from '../../../store/runStore.ts';
import { runLabel } from '../../messages.ts';
import { Button } from '../../ui/Button.tsx';
import { lazyPart } from '../../ui/lazyPart.tsx';
import { ErrorNote, Note } from '../../ui/Note.tsx';

const RecoveryAction = lazyPart('button for the remedy', () => import('./RecoveryAction.tsx'));

/** A lazy chunk: notes about the runs: the errors that ended them and the warnings they continued from. */
export default function RunNotes() {
  return (
    <>
      <RunErrors />
      <Warnings />
    </>
  );
}

/** The warnings that the runs continued from. */
function Warnings() {
  const runs = useRun((state) => state.runs);
  return runs.flatMap((run, index) =>
    run.warnings.map((warning) => (
      <Note
        key={`${run.mode} ${run.config.seed} ${warning.kind}`}
        kind="caution"
        testId={`trouble-${warning.kind}`}
      >
        <p>{`${runs.length > 1 ? `${runLabel(run)}: ` : ''}${warning.message} ${warning.hint}`}</p>
        <Button onClick={() => dismissWarning(index, warning)}>Dismiss</Button>
      </Note>
    )),
  );
}

function RunErrors() {
  const error = useRun((state) => state.error);
  const runs = useRun((state) => state.runs);
  return (
    <>
      {error && (
        <ErrorNote error={error} testId="run-error">
          <RecoveryAction error={error} />
        </ErrorNote>
      )}
      {runs.map(
        (run) =>
          run.error && (
            <ErrorNote
              key={`${run.mode} ${run.config.seed}`}
              error={run.error}
              about={runLabel(run)}
              kind={recipeFor(run.config).unsound ? 'caution' : 'bad'}
              testId={`run-error-${run.mode}`}
            />
          ),
      )}
    </>
  );
}
