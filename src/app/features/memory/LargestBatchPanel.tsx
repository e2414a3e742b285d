import { useState } from 'react';
import { PRECISION_MODES, REFERENCE_MODE, type VariantId, variantTitle } from '../../../engine/index.ts';
import {
  type BatchSearch,
  budgetBytes,
  isSearching,
  useMeasurements,
} from '../../../store/measurementStore.ts';
import { searchBatches } from '../../../store/measurements.ts';
import { problemOf, settingsProblem } from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { formatCount } from '../../format.ts';
import { Button } from '../../ui/Button.tsx';
import panel from '../../ui/FoldedPanel.module.css';
import { MeasureButtons } from '../../ui/MeasureButtons.tsx';
import { ModeBoxes } from '../modes/ModeBoxes.tsx';
import { BudgetFields, useBudget } from './BudgetFields.tsx';
import { batchOutcome } from './batchMessages.ts';
import styles from './LargestBatchPanel.module.css';
import { exactBytes } from './memoryTotal.ts';

/**
 * Finds the largest batch of each chosen mode for a memory budget: computed from the plan and confirmed by one real
 * step.
 */
export default function LargestBatchPanel() {
  const settings = useSettings((state) => state.settings);
  const searches = useMeasurements((state) => state.searches);
  const [modes, setModes] = useState<readonly VariantId[]>(() => [
    ...new Set<VariantId>([REFERENCE_MODE, ...settings.modes]),
  ]);
  // Simulated modes and variants are listed only if the settings chose them.
  const [offered] = useState<readonly VariantId[]>(() => [...new Set([...PRECISION_MODES, ...modes])]);
  const [refusal, setRefusal] = useState<string | null>(null);
  const bytes = budgetBytes(useBudget());
  const invalid = settingsProblem({ ...settings, batch: null }) !== null;
  const searching = searches.some(isSearching);
  const find = () => {
    const problem = problemOf(() => searchBatches(modes, bytes!));
    setRefusal(problem && `${problem.message} ${problem.hint}`);
  };
  return (
    <div className={panel.panel}>
      <p className={panel.note}>
        The memory plan gives the largest batch, and the GPU confirms it with one real step. All other
        settings stay as they are.
      </p>
      <BudgetFields testId="budget" />
      <ModeBoxes offered={offered} chosen={modes} onChoose={setModes} testId="budget-mode" />
      <MeasureButtons
        label="Find the largest batch"
        runningLabel="Searching…"
        running={searching}
        onStart={find}
        disabled={bytes === null || invalid || modes.length === 0}
        whyNotNow="Not available while training, which needs the memory."
        testId="find-batch"
      />
      {refusal && (
        <p className={styles.refusal} data-testid="batch-refusal">
          {refusal}
        </p>
      )}
      {searches.length > 0 && <Results searches={searches} />}
      <p className={panel.note}>
        <a href="#table">Train four formats at their largest batches, beside an article's figures</a>
      </p>
    </div>
  );
}

function Results({ searches }: { searches: readonly BatchSearch[] }) {
  const choose = useSettings((state) => state.choose);
  return (
    <table className={`${panel.table} ${styles.table}`} data-testid="batch-results">
      <thead>
        <tr>
          <th scope="col">Mode</th>
          <th scope="col">Batch</th>
          <th scope="col">Memory</th>
        </tr>
      </thead>
      <tbody translate="no">
        {searches.map((search) => {
          const { id, mode, found, step } = search;
          const confirmed = step.state === 'confirmed';
          const { batch, bytes } = confirmed ? step.result : found;
          return (
            <tr key={id}>
              <th scope="row">{variantTitle(mode)}</th>
              <td>
                <strong data-testid={`batch-${mode}`}>{formatCount(batch)}</strong>
                <p className={panel.note} data-testid={`batch-outcome-${mode}`}>
                  {batchOutcome(search)}
                </p>
                {confirmed && batch > 0 && (
                  <Button
                    className={styles.use}
                    onClick={() => choose({ batch, 'micro-batch': null })}
                    aria-label={`Use batch ${batch}`}
                    data-testid={`use-batch-${mode}`}
                  >
                    Use this batch
                  </Button>
                )}
              </td>
              <td>{exactBytes(bytes)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
