import { useMemo } from 'react';
import { SIZE_NAMES, type Size } from '../../store/myText/advice.ts';
import { chooseSize, currentPlan, trainMyText, useMyText } from '../../store/myText/myText.ts';
import { useStepTimes } from '../../store/myText/stepTimes.ts';
import { isBusy, useRun } from '../../store/runStore.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { usePlan } from '../hooks/usePlan.ts';
import { Button } from '../ui/Button.tsx';
import { Panel } from '../ui/Panel.tsx';
import styles from './MyTextScreen.module.css';
import { measuredLine, planParts, SIZE_TITLES, sizeReason, tokenizerReason } from './messages.ts';

/** One line that says what will happen, the size to choose, and the button. */
export function PlanPanel() {
  const plan = useMyTextPlan();
  const tokenizer = useMyText((state) => state.tokenizer);
  const busy = useRun(isBusy);
  const { memory, obstacle } = usePlan();
  if (!plan) return null;
  const reading = plan.advice === null ? null : tokenizerReason(tokenizer);
  return (
    <Panel title="2. The model" data-testid="my-text-plan">
      <p className={styles.line} role="status" data-testid="my-text-line">
        {planParts(plan, memory[0]?.total ?? null).join(', ')}
      </p>
      {plan.advice && <Sizes chosen={plan.size} advised={plan.advice.size} disabled={busy} />}
      <p data-testid="my-text-reason">{sizeReason(plan)}</p>
      {reading && <p className={styles.muted}>{reading}</p>}
      <p className={styles.muted} data-testid="my-text-measured">
        {measuredLine(plan)}
      </p>
      <div className={styles.buttons}>
        <Button
          kind="primary"
          disabled={busy || obstacle !== null}
          onClick={trainMyText}
          data-testid="my-text-train"
        >
          Train
        </Button>
        <a href="#train">All settings of it in the Lab</a>
      </div>
      {!busy && obstacle !== null && (
        <p className={styles.obstacle} role="alert" data-testid="my-text-obstacle">
          {obstacle}
        </p>
      )}
    </Panel>
  );
}

interface SizesProps {
  chosen: Size;
  advised: Size;
  disabled: boolean;
}

function Sizes({ chosen, advised, disabled }: SizesProps) {
  return (
    <fieldset className={styles.sizes} disabled={disabled}>
      <legend>Size</legend>
      {SIZE_NAMES.map((size) => (
        <label key={size}>
          <input
            type="radio"
            name="my-text-size"
            checked={size === chosen}
            onChange={() => chooseSize(size)}
            data-testid={`my-text-size-${size}`}
          />
          <span>{`${SIZE_TITLES[size]}${size === advised ? ' (recommended)' : ''}`}</span>
        </label>
      ))}
    </fieldset>
  );
}

function useMyTextPlan() {
  const settings = useSettings((state) => state.settings);
  const ownText = useSettings((state) => state.ownText);
  const adapter = useRun((state) => state.adapter);
  const mine = useMyText();
  const times = useStepTimes((state) => state.times);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it reads the stores, of which these are the parts that matter
  return useMemo(currentPlan, [settings, ownText, adapter, mine, times]);
}
