import { planLimits, variantTitle } from '../../engine/index.ts';
import { type ModeEstimate, memoryEstimates } from '../../store/plan.ts';
import { useRun } from '../../store/runStore.ts';
import { useSavedRun } from '../../store/savedRun.ts';
import { useSettings } from '../../store/settingsStore.ts';
import styles from './MemoryPanel.module.css';
import {
  CATEGORY_WORDS,
  exactBytes,
  filledCategories,
  savingSentence,
  totalWords,
} from './memoryMessages.ts';

/** What the run will allocate, before it does: the plan that the allocator follows. */
export function MemoryPanel() {
  const adapter = useRun((state) => state.adapter);
  const settings = useSettings((state) => state.settings);
  const ownText = useSettings((state) => state.ownText);
  useSavedRun(({ stored }) => stored); // what they decide is in the estimates
  if (!adapter) return null;
  const estimates = memoryEstimates(settings, ownText, adapter);
  if (estimates.length === 0) return null;
  const limit = planLimits(adapter.limits).maxBindingBytes;
  return (
    <details>
      <summary data-testid="memory-plan">
        GPU memory
        <span className={styles.total}>
          {totalWords(
            estimates.map(({ bytes }) => bytes.total),
            settings.schedule === 'lockstep',
          )}
        </span>
      </summary>
      {estimates.map((estimate) => (
        <Estimate key={estimate.mode} estimate={estimate} limit={limit} />
      ))}
    </details>
  );
}

function Estimate({ estimate, limit }: { estimate: ModeEstimate; limit: number }) {
  const { mode, bytes, fp32, largest } = estimate;
  const title = variantTitle(mode);
  const categories = filledCategories(bytes);
  const most = Math.max(...categories.map((category) => bytes[category]));
  return (
    <section className={styles.estimate} aria-label={`Memory of ${title}`} data-testid={`memory-${mode}`}>
      <h3>{`${title}: ${exactBytes(bytes.total)}`}</h3>
      <dl className={styles.bars}>
        {categories.map((category) => (
          <div key={category} className={styles.row}>
            <dt>{CATEGORY_WORDS[category]}</dt>
            <dd>
              <span className={styles.track} aria-hidden="true">
                <span style={{ width: `${(100 * bytes[category]) / most}%` }} />
              </span>
              <span translate="no">{exactBytes(bytes[category])}</span>
            </dd>
          </div>
        ))}
      </dl>
      <p className={styles.fact}>
        {`Largest buffer: ${largest.name}, ${exactBytes(largest.bytes)} of the ${exactBytes(limit)} this adapter allows.`}
      </p>
      {mode !== 'fp32' && (
        <p className={styles.fact} data-testid={`saving-${mode}`}>
          {savingSentence(title, bytes, fp32)}
        </p>
      )}
    </section>
  );
}
