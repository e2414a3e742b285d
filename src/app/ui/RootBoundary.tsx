import { Component, type ReactNode } from 'react';
import { isBusy, useRun } from '../../store/runStore.ts';
import { useSavedRun } from '../../store/savedRun.ts';
import { Button } from './Button.tsx';
import { Note } from './Note.tsx';
import styles from './RootBoundary.module.css';

/**
 * Around everything that is shown. The runs are in the worker and their figures in stores: when the view fails, as it may where
 * a translator or an extension has changed it, a note stands in its place until it is made anew, and training continues.
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
  const training = useRun((state) => isBusy(state.status));
  const saved = useSavedRun(({ newest, error: unsaved }) => newest !== null && !unsaved);
  return (
    <main className={styles.page}>
      <Note kind="bad" testId="view-failed">
        <p>{`The page could not be drawn: ${error}`}</p>
        <p>{`${training ? `Training continues${saved ? ' and is saved' : ''}. ` : 'What was trained is kept in this tab. '}A translation or an extension of the browser may have changed what is shown: switch it off for this page if this happens again.`}</p>
        <Button kind="primary" onClick={onShow} data-testid="show-again">
          Show the page again
        </Button>
      </Note>
    </main>
  );
}
