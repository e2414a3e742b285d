import type { ErrorReport } from '../../session/protocol.ts';
import { train } from '../../store/actions.ts';
import { useRun } from '../../store/runStore.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { Button } from '../ui/Button.tsx';

/** What can be pressed where the runs ended with an error. */
export default function WayOut({ error: { batch } }: { error: ErrorReport }) {
  const lost = useRun((state) => state.status === 'lost');
  const refused = useRun(({ startedWith, configs, active }) => (startedWith ? configs[active] : undefined));
  if (batch !== undefined && refused) {
    const accumulation = (refused.batch / batch) * refused.accumulation;
    const trainSmaller = () => {
      useSettings.getState().choose({ batch, accum: accumulation });
      train();
    };
    return (
      <Button onClick={trainSmaller} data-testid="train-smaller">
        {`Train with batch ${batch} and accumulation ${accumulation}`}
      </Button>
    );
  }
  if (!lost) return null;
  return (
    <Button onClick={train} data-testid="restart">
      Start again
    </Button>
  );
}
