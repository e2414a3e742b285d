import { bindingLimit, memoryEstimates } from '../../../store/plan.ts';
import { useRun } from '../../../store/runStore.ts';
import { useSavedRun } from '../../../store/savedRun.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { LazyDetails } from '../../ui/LazyDetails.tsx';
import { lazyPart } from '../../ui/lazyPart.tsx';
import styles from './MemoryPanel.module.css';
import { totalWords } from './memoryTotal.ts';

const MemoryEstimates = lazyPart(
  'memory of each mode',
  () => import('./MemoryEstimates.tsx'),
  <p>Loading…</p>,
);

/** Shows what the run will allocate, from the plan that the allocator follows. */
export function MemoryPanel() {
  const adapter = useRun((state) => state.adapter);
  const settings = useSettings((state) => state.settings);
  const ownText = useSettings((state) => state.ownText);
  useSavedRun(({ stored }) => stored); // the estimates depend on the stored runs
  if (!adapter) return null;
  const estimates = memoryEstimates(settings, ownText, adapter);
  const limit = bindingLimit(adapter);
  if (estimates.length === 0 || limit === null) return null;
  return (
    <LazyDetails
      summary={
        <>
          <span>GPU memory</span>
          <span className={styles.total}>
            {totalWords(
              estimates.map(({ bytes }) => bytes.total),
              settings.schedule === 'lockstep',
            )}
          </span>
        </>
      }
      testId="memory-plan"
    >
      <MemoryEstimates estimates={estimates} limit={limit} />
    </LazyDetails>
  );
}
