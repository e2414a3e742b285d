import { showShortcuts, useUi } from '../../store/uiStore.ts';
import { SHORTCUTS } from '../shortcuts.ts';
import styles from './ShortcutsSwitch.module.css';

export function ShortcutsSwitch() {
  const on = useUi((state) => state.shortcuts);
  const setShortcuts = useUi((state) => state.setShortcuts);
  return (
    <span className={styles.keys}>
      <label className={styles.switch}>
        <input
          type="checkbox"
          checked={on}
          onChange={(event) => setShortcuts(event.target.checked)}
          data-testid="shortcuts"
        />
        <span>{`Keys: ${SHORTCUTS.map(({ label }) => label).join(', ')}`}</span>
      </label>
      <button
        type="button"
        className={styles.help}
        onClick={() => showShortcuts(true)}
        data-testid="shortcuts-open"
      >
        Show shortcuts
      </button>
    </span>
  );
}
