import { Component, type ReactNode } from 'react';
import { isBusy, useRun } from '../../store/runStore.ts';
import { isKept, useSavedRun } from '../../store/savedRun.ts';
import { Button } from './Button.tsx';
import { Note } from './Note.tsx';
import styles from './RootBoundary.module.css';

/**
 * Error boundary around the whole page. The runs are in the worker and their figures in stores, so training continues
 * when rendering fails, as it may after a translator or an extension has changed the DOM. A note is shown until the
 * page is rendered again.
 */
export class RootBoundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null };

  static getDerivedStateFromError = (error: Error) => ({ error });

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return <FailedView error={error} onShow={() => this.setState({ error: null })} />;
  }
}

function FailedView({ error, onShow }: { error: Error; onShow: () => void }) {
  const training = useRun(isBusy);
  const saved = useSavedRun(isKept);
  return (
    <main className={styles.page}>
      <Note kind="bad" testId="view-failed">
        <p>{`The page could not be displayed: ${error}`}</p>
        <p>{`${training ? `Training continues${saved ? ' and is saved' : ''}. ` : 'The runs are still in this tab. '}A translation or an extension of the browser may have changed the page. If this happens again, switch it off for this page.`}</p>
        <Button kind="primary" onClick={onShow} data-testid="show-again">
          Show the page again
        </Button>
      </Note>
    </main>
  );
}
