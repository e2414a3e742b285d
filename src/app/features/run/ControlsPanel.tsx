import { compareShowcase, pause, restart, resume, stop, train } from '../../../store/actions.ts';
import { pendingChanges } from '../../../store/changes.ts';
import { isBusy, overallProgress, type RunStatus, useRun } from '../../../store/runStore.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { usePlan } from '../../hooks/usePlan.ts';
import { statusLine } from '../../messages.ts';
import { Button } from '../../ui/Button.tsx';
import { countChanges } from '../settings/settingWords.ts';
import styles from './ControlsPanel.module.css';

/** The action of the one primary button. It stays the same element, so that keyboard focus stays on it. */
function primaryAction(status: RunStatus): { label: string; testId: string; run: () => void } {
  if (status === 'training') return { label: 'Pause', testId: 'pause', run: pause };
  if (status === 'paused') return { label: 'Resume', testId: 'resume', run: resume };
  if (status === 'preparing') return { label: 'Preparing…', testId: 'train', run: train };
  if (status === 'stopping') return { label: 'Stopping…', testId: 'train', run: train };
  return { label: status === 'idle' ? 'Train' : 'Train again', testId: 'train', run: train };
}

export function ControlsPanel() {
  const status = useRun((state) => state.status);
  const { obstacle: blocked } = usePlan();
  const busy = useRun(isBusy);
  const waiting = status === 'preparing' || status === 'stopping';
  const primary = primaryAction(status);
  return (
    <div className={styles.bar}>
      <div className={styles.buttons}>
        <Button
          kind="primary"
          className={styles.primary}
          onClick={primary.run}
          disabled={waiting || (!busy && blocked !== null)}
          data-testid={primary.testId}
        >
          {primary.label}
        </Button>
        <Button
          className={busy ? undefined : styles.needless}
          onClick={stop}
          disabled={!busy || status === 'stopping'}
          title="Ends after the current step; the model can still be sampled"
          data-testid="stop"
        >
          Stop
        </Button>
        {/* It stays during a run, so that the settings below do not move. */}
        <Button
          className={`${styles.showcase} ${busy ? styles.needless : ''}`}
          onClick={compareShowcase}
          disabled={busy || blocked !== null}
          title="Trains the three modes from the same start, one after the other unless the schedule is set to interleaved"
          data-testid="compare-three"
        >
          <span className={styles.long}>Compare FP32, mixed f16, and f16 without scaling</span>
          <span className={styles.short}>Compare three modes</span>
        </Button>
      </div>
      <Progress />
      {(status === 'training' || status === 'paused') && <PendingChanges />}
      {!busy && blocked && (
        <p className={styles.blocked} data-testid="obstacle">
          {blocked}
        </p>
      )}
      {!busy && blocked && <FittingMicroBatch />}
    </div>
  );
}

/** Offers a smaller micro-batch when only the batch is too large for the adapter. */
function FittingMicroBatch() {
  const { microBatch } = usePlan();
  const choose = useSettings((state) => state.choose);
  if (!microBatch) return null;
  return (
    <Button onClick={() => choose({ 'micro-batch': microBatch })} data-testid="use-fitting-micro-batch">
      {`Use micro-batch ${microBatch}`}
    </Button>
  );
}

function PendingChanges() {
  const started = useRun((state) => state.startedWith);
  const settings = useSettings((state) => state.settings);
  const { obstacle: blocked } = usePlan();
  const count = started ? pendingChanges(started, settings) : 0;
  if (count === 0 || blocked !== null) return null;
  return (
    <Button
      onClick={restart}
      title="Ends this run and trains with the settings below"
      data-testid="restart-changes"
    >
      {`Restart to apply ${countChanges(count)}`}
    </Button>
  );
}

function Progress() {
  const line = useRun(statusLine);
  const value = useRun(overallProgress);
  const several = useRun((state) => state.configs.length > 1);
  return (
    <div className={styles.progress}>
      <progress value={value} max={1} aria-label="Progress of the training" data-testid="progress" />
      <p className={several ? styles.twoLines : undefined} data-testid="status">
        {line}
      </p>
    </div>
  );
}
