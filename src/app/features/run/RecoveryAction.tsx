import type { ErrorReport } from '../../../session/protocol.ts';
import { trainAgain } from '../../../store/actions.ts';
import { useRun } from '../../../store/runStore.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { Button } from '../../ui/Button.tsx';

/** Offers a button when the runs ended with an error that has a remedy. */
export default function RecoveryAction({ error: { microBatch } }: { error: ErrorReport }) {
  const lost = useRun((state) => state.status === 'lost');
  const refused = useRun(({ startedWith, configs, active }) => (startedWith ? configs[active] : undefined));
  if (microBatch !== undefined && refused) {
    const trainSmaller = () => {
      useSettings.getState().choose({ batch: refused.batch, 'micro-batch': microBatch });
      trainAgain();
    };
    return (
      <Button onClick={trainSmaller} data-testid="train-smaller">
        {`Train in micro-batches of ${microBatch}`}
      </Button>
    );
  }
  if (!lost) return null;
  return (
    <Button onClick={trainAgain} data-testid="restart">
      Start again
    </Button>
  );
}
