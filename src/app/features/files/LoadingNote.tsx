import { openAddress, stopLoading } from '../../../store/fileActions.ts';
import type { Loading } from '../../../store/files.ts';
import { Button } from '../../ui/Button.tsx';
import { Note } from '../../ui/Note.tsx';
import styles from '../saved/SavedRunNote.module.css';
import { loadingLine, loadingShare, stoppedLine } from './fileMessages.ts';

/** A model that is being downloaded. */
export function LoadingNote({ address, progress }: Pick<Loading, 'address' | 'progress'>) {
  const share = loadingShare(progress);
  return (
    <Note testId="file-loading">
      <p>
        Loading <strong>{address}</strong>
      </p>
      {/* Without a value the bar shows activity but no progress. */}
      <progress
        className={styles.bar}
        max={1}
        {...(share !== null && { value: share })}
        aria-label="Progress of the download"
      />
      <p>{loadingLine(progress)}</p>
      <div className={styles.buttons}>
        <Button onClick={stopLoading} data-testid="file-cancel">
          Cancel
        </Button>
      </div>
    </Note>
  );
}

interface StoppedNoteProps extends Pick<Loading, 'address' | 'progress'> {
  readonly onClose: () => void;
}

/** A download that the visitor ended. */
export function StoppedNote({ address, progress, onClose }: StoppedNoteProps) {
  return (
    <Note testId="file-stopped">
      <p>
        The download of <strong>{address}</strong> was cancelled.
      </p>
      <p>{stoppedLine(progress)}</p>
      <div className={styles.buttons}>
        <LoadAgain address={address} />
        <Button onClick={onClose}>Dismiss</Button>
      </div>
    </Note>
  );
}

/** Continues a download where its server has ranges, and starts it again elsewhere. */
export function LoadAgain({ address }: { readonly address: string }) {
  return (
    <Button onClick={() => openAddress(address)} data-testid="file-load-again">
      Load again
    </Button>
  );
}
