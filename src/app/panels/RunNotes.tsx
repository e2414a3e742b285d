import { lazy, Suspense } from 'react';
import { recipeOf } from '../../engine/precision/recipes.ts';
import { dismissTrouble, useRun } from '../../store/runStore.ts';
import { runLabel } from '../messages.ts';
import { Button } from '../ui/Button.tsx';
import { ErrorNote, Note } from '../ui/Note.tsx';

// What went wrong is shown all the same where the page's server is gone: Train is there too.
const WayOut = lazy(() => import('./WayOut.tsx').catch(() => ({ default: () => null })));

/** What stopped the runs, and what they met and went on from. */
export function RunNotes() {
  return (
    <>
      <RunErrors />
      <Troubles />
    </>
  );
}

/** What the runs met and went on from. */
function Troubles() {
  const runs = useRun((state) => state.runs);
  return runs.flatMap((run, index) =>
    run.troubles.map((trouble) => (
      <Note
        key={`${run.mode} ${run.config.seed} ${trouble.kind}`}
        kind="caution"
        testId={`trouble-${trouble.kind}`}
      >
        <p>
          {runs.length > 1 && `${runLabel(run)}: `}
          {trouble.message} {trouble.hint}
        </p>
        <Button onClick={() => dismissTrouble(index, trouble)}>Dismiss</Button>
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
          <Suspense>
            <WayOut error={error} />
          </Suspense>
        </ErrorNote>
      )}
      {runs.map(
        (run) =>
          run.error && (
            <ErrorNote
              key={`${run.mode} ${run.config.seed}`}
              error={run.error}
              about={runLabel(run)}
              kind={recipeOf(run.config.precision).unsound ? 'caution' : 'bad'}
              testId={`run-error-${run.mode}`}
            />
          ),
      )}
    </>
  );
}
