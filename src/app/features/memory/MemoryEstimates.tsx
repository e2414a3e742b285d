/** A lazy chunk that lists the memory plan of each mode. */
import { REFERENCE_MODE, variantTitle } from '../../../engine/index.ts';
import type { ModeEstimate } from '../../../store/plan.ts';
import styles from './MemoryPanel.module.css';
import { CATEGORY_WORDS, filledCategories, savingSentence } from './memoryMessages.ts';
import { exactBytes } from './memoryTotal.ts';

/** @param limit largest binding, in bytes */
export default function MemoryEstimates({
  estimates,
  limit,
}: {
  estimates: readonly ModeEstimate[];
  limit: number;
}) {
  return estimates.map((estimate) => <Estimate key={estimate.mode} estimate={estimate} limit={limit} />);
}

function Estimate({ estimate, limit }: { estimate: ModeEstimate; limit: number }) {
  const { mode, bytes, fp32, largest } = estimate;
  const title = variantTitle(mode);
  const categories = filledCategories(bytes);
  const most = Math.max(...categories.map((category) => bytes[category]));
  return (
    <section className={styles.estimate} aria-label={`Memory of ${title}`} data-testid={`memory-${mode}`}>
      <h2>{`${title}: ${exactBytes(bytes.total)}`}</h2>
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
      {mode !== REFERENCE_MODE && (
        <p className={styles.fact} data-testid={`saving-${mode}`}>
          {savingSentence(title, bytes, fp32)}
        </p>
      )}
    </section>
  );
}
