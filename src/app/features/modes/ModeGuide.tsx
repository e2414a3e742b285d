import { MODE_FAMILIES, recipeOf } from '../../../engine/index.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import styles from './ModeGuide.module.css';
import { chosenModes, replaced } from './modeChoice.ts';

/** A lazy chunk: every precision mode in a line or two, by family. A click chooses the mode that is trained first. */
export default function ModeGuide() {
  const modes = useSettings((state) => state.settings.modes);
  const choose = useSettings((state) => state.choose);
  return (
    <div className={styles.guide}>
      {MODE_FAMILIES.map(({ title, summary, modes: members }) => (
        <section key={title} aria-label={title}>
          <p className={styles.title}>{title}</p>
          <p>{summary}</p>
          <ul>
            {members.map((mode) => (
              <li key={mode}>
                <button
                  type="button"
                  aria-pressed={modes[0] === mode}
                  onClick={() => choose(chosenModes(replaced(modes, 0, mode)))}
                  data-testid={`guide-${mode}`}
                >
                  <strong translate="no">{recipeOf(mode).title}</strong>
                  <span>{recipeOf(mode).summary}</span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}
