import { bindingLimit } from '../../../store/plan.ts';
import { usePlan } from '../../hooks/usePlan.ts';
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
  const { adapter, estimates, chosen } = usePlan();
  if (!adapter) return null;
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
              chosen.settings.schedule === 'lockstep',
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
