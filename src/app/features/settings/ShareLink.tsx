import { useSettings } from '../../../store/settingsStore.ts';
import { leftOutOfLink, shareQuery } from '../../../store/shareLink.ts';
import { CopyButton } from '../../ui/CopyButton.tsx';
import styles from './ShareLink.module.css';

/** Copies a link to this page with the settings. Opening it sets them and starts nothing. */
export function ShareLink() {
  const settings = useSettings((state) => state.settings);
  const unread = useSettings((state) => Object.keys(state.unread).length > 0);
  const leftOut = leftOutOfLink(settings);
  return (
    <div className={styles.share}>
      <CopyButton
        label="Copy link"
        text={() => `${location.origin}${location.pathname}${shareQuery(settings)}`}
        disabled={unread}
        testId="copy-link"
      />
      <p className={styles.about} data-testid="link-leaves-out">
        {leftOut ?? 'The link opens this page with these settings and does not start training.'}
      </p>
    </div>
  );
}
