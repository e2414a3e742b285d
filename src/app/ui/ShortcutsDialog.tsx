import { useEffect, useRef } from 'react';
import { showShortcuts } from '../../store/uiStore.ts';
import { SHORTCUTS } from '../shortcuts.ts';
import { Button } from './Button.tsx';
import styles from './ShortcutsDialog.module.css';

/** Lists the keyboard shortcuts. It is a native dialog: Escape closes it, and focus stays in it and returns. */
export default function ShortcutsDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      className={styles.dialog}
      aria-labelledby="shortcuts-title"
      onClose={() => showShortcuts(false)}
      data-testid="shortcuts-help"
    >
      <h2 id="shortcuts-title">Keyboard shortcuts</h2>
      <dl className={styles.keys}>
        {SHORTCUTS.map(({ key, label, does }) => (
          <div key={key}>
            <dt>
              <kbd translate="no">{label}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p className={styles.note}>
        They are inactive while you type in a field. The switch at the bottom of the page turns them off.
      </p>
      <form method="dialog">
        <Button type="submit">Close</Button>
      </form>
    </dialog>
  );
}
