import { removeRuns } from '../../../store/history/history.ts';
import { useHistory } from '../../../store/history/historyStore.ts';
import { download } from '../../download.ts';
import { Actions } from '../../ui/Actions.tsx';
import { Button } from '../../ui/Button.tsx';
import { Note } from '../../ui/Note.tsx';
import { countRuns } from './messages.ts';
import styles from './RunsScreen.module.css';

/** Records of another version, or damaged ones: they are reported, kept unchanged, and can be downloaded. */
export function UnreadableRuns() {
  const unreadable = useHistory((state) => state.unreadable);
  if (unreadable.length === 0) return null;
  return (
    <Note kind="caution" testId="unreadable">
      <p>
        {`${countRuns(unreadable.length)} of this browser cannot be read by this version of the page. ${unreadable.length === 1 ? 'It is' : 'They are'} kept unchanged.`}
      </p>
      <ul className={styles.unreadable}>
        {unreadable.map(({ id, why, value }) => (
          <li key={id}>
            <code translate="no">{id.slice(0, 40)}</code>
            <span>{` ${why}`}</span>
            <Actions>
              <Button
                onClick={() =>
                  download(
                    'halfstep-unreadable-run.json',
                    new Blob([asJson(value)], { type: 'application/json' }),
                  )
                }
              >
                Download
              </Button>
              <Button onClick={() => void removeRuns([id])}>Delete</Button>
            </Actions>
          </li>
        ))}
      </ul>
    </Note>
  );
}

/** A damaged record may not be representable in JSON. */
function asJson(value: unknown): string {
  try {
    return JSON.stringify(value, null, 2) ?? String(value);
  } catch {
    return String(value);
  }
}
