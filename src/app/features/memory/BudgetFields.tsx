import {
  BUDGET_UNITS,
  budgetOr,
  budgetProblem,
  chooseBudget,
  type MemoryBudget,
  useMeasurements,
} from '../../../store/measurementStore.ts';
import { useRun } from '../../../store/runStore.ts';
import { SelectField, TextField } from '../../ui/Field.tsx';
import styles from './BudgetFields.module.css';

/** The memory budget as typed, or the default of this adapter. */
export function useBudget(): MemoryBudget {
  const isFallback = useRun((state) => state.adapter?.isFallback ?? false);
  const given = useMeasurements((state) => state.budget);
  return budgetOr({ budget: given }, isFallback);
}

interface BudgetFieldsProps {
  disabled?: boolean;
  testId: string;
}

/** The memory that a run may take, since WebGPU does not say how much a GPU has. */
export function BudgetFields({ disabled = false, testId }: BudgetFieldsProps) {
  const budget = useBudget();
  const choose = (change: Partial<MemoryBudget>) => chooseBudget({ ...budget, ...change });
  return (
    <div className={styles.budget}>
      <TextField
        label="Memory budget"
        inputMode="decimal"
        disabled={disabled}
        value={budget.amount}
        onChange={(event) => choose({ amount: event.target.value })}
        error={budgetProblem(budget)}
        data-testid={testId}
      />
      <SelectField
        label="Unit"
        disabled={disabled}
        value={budget.unit}
        onChange={(event) => choose({ unit: event.target.value as MemoryBudget['unit'] })}
        data-testid={`${testId}-unit`}
      >
        {Object.keys(BUDGET_UNITS).map((name) => (
          <option key={name}>{name}</option>
        ))}
      </SelectField>
    </div>
  );
}
