import { useMeasurements } from '../../store/measurementStore.ts';
import { cancelMeasuring } from '../../store/measurements.ts';
import { isBusy, useRun } from '../../store/runStore.ts';
import { Button } from './Button.tsx';
import styles from './MeasureButtons.module.css';

interface MeasureButtonsProps {
  label: string;
  /** Label while the measurement runs. */
  runningLabel: string;
  running: boolean;
  onStart: () => void;
  disabled?: boolean;
  /** Why the measurement is not available while a run is training. */
  whyNotNow: string;
  testId: string;
}

/** Starts and cancels a measurement that needs the GPU to itself. */
export function MeasureButtons(props: MeasureButtonsProps) {
  const { label, runningLabel, running, onStart, disabled = false, whyNotNow, testId } = props;
  const busy = useRun(isBusy);
  const cancelling = useMeasurements((state) => state.cancelling);
  return (
    <>
      <div className={styles.buttons}>
        <Button onClick={onStart} disabled={disabled || busy || running} data-testid={testId}>
          {running ? runningLabel : label}
        </Button>
        {running && (
          <Button onClick={cancelMeasuring} disabled={cancelling} data-testid={`cancel-${testId}`}>
            {cancelling ? 'Cancelling…' : 'Cancel'}
          </Button>
        )}
      </div>
      {busy && <p className={styles.note}>{whyNotNow}</p>}
    </>
  );
}
