import { useUi } from '../../store/uiStore.ts';
import styles from './ShortcutsSwitch.module.css';

export function ShortcutsSwitch() {
  const on = useUi((state) => state.shortcuts);
  const setShortcuts = useUi((state) => state.setShortcuts);
  return (
    <label className={styles.switch}>
      <input
        type="checkbox"
        checked={on}
        onChange={(event) => setShortcuts(event.target.checked)}
        data-testid="shortcuts"
      />
      <span>
        Keys: <kbd>Space</kbd> trains and pauses, <kbd>S</kbd> stops, <kbd>1</kbd> and <kbd>2</kbd> choose the
        screen
      </span>
    </label>
  );
}
