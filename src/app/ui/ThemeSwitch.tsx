import { THEMES, useUi } from '../../store/uiStore.ts';
import styles from './ThemeSwitch.module.css';

const LABELS = { system: 'Auto', light: 'Light', dark: 'Dark' } as const;

export function ThemeSwitch() {
  const theme = useUi((state) => state.theme);
  const setTheme = useUi((state) => state.setTheme);
  return (
    <fieldset className={styles.switch} data-testid="theme">
      <legend className="visuallyHidden">Colour theme</legend>
      {THEMES.map((name) => (
        <label key={name} className={styles.choice}>
          <input
            type="radio"
            name="theme"
            className="visuallyHidden"
            value={name}
            checked={theme === name}
            onChange={() => setTheme(name)}
          />
          <span>{LABELS[name]}</span>
        </label>
      ))}
    </fieldset>
  );
}
