import { keptWeights, type TrainConfig, type WeightsOfRun } from '../../../engine/index.ts';
import { SelectField } from '../../ui/Field.tsx';

const WORDS: Readonly<Record<WeightsOfRun, string>> = {
  master: 'trained',
  average: 'averaged (EMA)',
  best: 'best checkpoint',
};

interface WeightsFieldProps {
  /** Of the run: only the weights that it keeps can be chosen. */
  readonly config: TrainConfig;
  readonly value: WeightsOfRun;
  readonly disabled?: boolean;
  readonly onChoose: (weights: WeightsOfRun) => void;
  readonly testId: string;
}

/** Chooses between the weights of a run and the copies that it keeps of them. */
export function WeightsField({ config, value, disabled, onChoose, testId }: WeightsFieldProps) {
  return (
    <SelectField
      label="Weights"
      value={value}
      disabled={disabled}
      onChange={(event) => onChoose(event.target.value as WeightsOfRun)}
      data-testid={testId}
    >
      {(['master', ...keptWeights(config)] as const).map((weights) => (
        <option key={weights} value={weights}>
          {WORDS[weights]}
        </option>
      ))}
    </SelectField>
  );
}
