import { isBusy, useRun } from '../../../store/runStore.ts';
import { runLabel } from '../../messages.ts';
import { SelectField } from '../../ui/Field.tsx';

/**
 * The run whose model is used: of a comparison that has ended, any run that took a step, since the page keeps those that
 * left the GPU; before that, the one that is on it.
 */
export function useChosenRun(chosen: number | null): number {
  const active = useRun((state) => state.active);
  const choosable = useRun(
    (state) => chosen !== null && !isBusy(state) && state.runs[chosen]?.latest != null,
  );
  return chosen !== null && choosable ? chosen : active;
}

/** Nothing where there is one run. */
export function RunField({
  value,
  onChoose,
  testId,
}: {
  value: number;
  onChoose: (run: number) => void;
  testId: string;
}) {
  const runs = useRun((state) => state.runs);
  const busy = useRun(isBusy);
  const seeds = new Set(runs.map(({ config }) => config.seed)).size;
  if (runs.length < 2) return null;
  return (
    <SelectField
      label="Model of"
      value={value}
      onChange={({ target }) => onChoose(Number(target.value))}
      help={busy && 'The others can be chosen once the comparison has ended.'}
      data-testid={testId}
    >
      {runs.map((run, index) => (
        <option
          key={`${run.mode} ${run.config.seed}`}
          value={index}
          disabled={index !== value && (busy || run.latest === null)}
        >
          {`${runLabel(run)}${seeds > 1 ? `, seed ${run.config.seed}` : ''}`}
        </option>
      ))}
    </SelectField>
  );
}
