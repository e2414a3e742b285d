import { modeOfVariant, recipeOf, type VariantId, variantTitle } from '../../../engine/index.ts';
import styles from './ModeBoxes.module.css';
import { familiesOf } from './modeFamilies.ts';

interface ModeBoxesProps {
  readonly offered: readonly VariantId[];
  readonly chosen: readonly VariantId[];
  readonly onChoose: (modes: readonly VariantId[]) => void;
  /** Before the name of a mode. */
  readonly testId: string;
}

/** Check boxes for precision modes, by family. What is chosen keeps the order of what is offered. */
export function ModeBoxes({ offered, chosen, onChoose, testId }: ModeBoxesProps) {
  const toggle = (mode: VariantId, on: boolean) =>
    onChoose(offered.filter((other) => (other === mode ? on : chosen.includes(other))));
  return (
    <fieldset className={styles.all}>
      <legend>Modes</legend>
      {familiesOf(offered).map(({ title, summary, modes }) => (
        <fieldset key={title} className={styles.family}>
          <legend>{title}</legend>
          <p>{summary}</p>
          {modes.map((mode) => (
            <label key={mode} title={recipeOf(modeOfVariant(mode)).summary}>
              <input
                type="checkbox"
                checked={chosen.includes(mode)}
                onChange={({ target }) => toggle(mode, target.checked)}
                data-testid={`${testId}-${mode}`}
              />
              <span translate="no">{variantTitle(mode)}</span>
            </label>
          ))}
        </fieldset>
      ))}
    </fieldset>
  );
}
