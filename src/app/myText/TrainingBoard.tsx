import { pause, resume, stop } from '../../store/actions.ts';
import { isBusy, logOf, overallProgress, type RunView, useRun } from '../../store/runStore.ts';
import { useSavedRun } from '../../store/savedRun.ts';
import { RunError } from '../features/run/RunError.tsx';
import { SavedLine } from '../features/saved/SavedLine.tsx';
import { statusLine } from '../messages.ts';
import { Button } from '../ui/Button.tsx';
import { lazyPart } from '../ui/lazyPart.tsx';
import { ErrorNote, Note } from '../ui/Note.tsx';
import { Panel } from '../ui/Panel.tsx';
import styles from './MyTextScreen.module.css';
import { bestLine, lowestOf } from './messages.ts';

const LossOfRun = lazyPart(
  'chart of the loss',
  () => import('./LossOfRun.tsx'),
  <p className={styles.chart}>Loading the chart…</p>,
);
const SamplePanel = lazyPart('samples', () => import('../features/samples/SamplePanel.tsx'));
const RecoveryAction = lazyPart('button for the remedy', () => import('../features/run/RecoveryAction.tsx'));
const ModelCard = lazyPart('model', () => import('./ModelCard.tsx'));

/** The run on the visitor's text, while it trains and afterwards. */
export function TrainingBoard() {
  const continued = useSavedRun((state) => state.continued?.run);
  const mine = useRun(
    ({ startedWith, runs, purpose }) =>
      runs.length === 1 &&
      purpose === 'training' &&
      (startedWith ? startedWith.text === 'own' : continued?.text.builtin === null),
  );
  const run = useRun(({ runs }) => runs[0]);
  const lost = useRun((state) => state.status === 'lost');
  if (!mine || !run) return null;
  return (
    <>
      <Progress run={run} />
      <div className={`${styles.board} ${lost ? styles.ended : ''}`}>
        <div>
          <LossOfRun />
        </div>
        <div className={styles.samples}>
          <SamplePanel />
        </div>
        {run.summary && <ModelCard run={run} summary={run.summary} />}
      </div>
    </>
  );
}

function Progress({ run }: { run: RunView }) {
  const status = useRun((state) => state.status);
  const line = useRun(statusLine);
  const share = useRun(overallProgress);
  const error = useRun((state) => state.error);
  const best = useRun(({ frame: _ }) => lowestStep());
  const busy = useRun(isBusy);
  return (
    <Panel title="3. Training" data-testid="my-text-training">
      <progress max={1} value={share} aria-label="Steps taken" className={styles.progress} />
      <p data-testid="my-text-status">{line}</p>
      <p data-testid="my-text-best">
        {bestLine(
          run.summary ? lowestOf(run.summary) : best === null ? null : lowest(),
          status === 'lost' && !run.summary,
        )}
      </p>
      {/* There before any warning, so that screen readers announce those that come. */}
      <div role="status" className={styles.warnings} data-testid="my-text-warnings">
        {run.warnings.map(({ kind, message, hint }) => (
          <Note key={kind} kind="caution" testId={`my-text-warning-${kind}`}>
            <p>{message}</p>
            <p>{hint}</p>
          </Note>
        ))}
      </div>
      <RunError run={run} />
      {error && (
        <ErrorNote error={error} testId="my-text-error">
          <RecoveryAction error={error} />
        </ErrorNote>
      )}
      {busy && (
        <div className={styles.buttons}>
          {status === 'paused' ? (
            <Button onClick={resume}>Resume</Button>
          ) : (
            <Button onClick={pause} disabled={status !== 'training'}>
              Pause
            </Button>
          )}
          <Button onClick={stop} disabled={status === 'stopping'} data-testid="my-text-stop">
            Stop and keep the model
          </Button>
        </div>
      )}
      <SavedLine />
    </Panel>
  );
}

/** The lowest validation loss of the run so far; null before the first evaluation. */
function lowest(): { readonly step: number; readonly valLoss: number } | null {
  let found: { readonly step: number; readonly valLoss: number } | null = null;
  for (const { step, valLoss } of logOf(0)?.evals ?? []) {
    if (valLoss !== null && (found === null || valLoss < found.valLoss)) found = { step, valLoss };
  }
  return found;
}

function lowestStep(): number | null {
  return lowest()?.step ?? null;
}
