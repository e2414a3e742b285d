import type { WeightsOfRun } from '../../../engine/index.ts';
import { SelectField } from '../../ui/Field.tsx';

const WORDS: Readonly<Record<WeightsOfRun, string>> = {
  master: 'trained',
  average: 'averaged (EMA)',
};

interface WeightsFieldProps {
  readonly value: WeightsOfRun;
  readonly disabled?: boolean;
  readonly onChoose: (weights: WeightsOfRun) => void;
  readonly testId: string;
}

/** Chooses between the weights of a run and the averages that it keeps of them. */
export function WeightsField({ value, disabled, onChoose, testId }: WeightsFieldProps) {
  return (
    <SelectField
      label="Weights"
      value={value}
      disabled={disabled}
      onChange={(event) => onChoose(event.target.value as WeightsOfRun)}
      data-testid={testId}
    >
      {Object.entries(WORDS).map(([weights, words]) => (
        <option key={weights} value={weights}>
          {words}
        </option>
      ))}
    </SelectField>
  );
}
