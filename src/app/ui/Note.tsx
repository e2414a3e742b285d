import type { ReactNode } from 'react';
import type { ErrorReport } from '../../session/protocol.ts';
import styles from './Note.module.css';

interface NoteProps {
  kind?: 'info' | 'caution' | 'bad';
  children: ReactNode;
  testId?: string;
}

/** A quiet box in the flow of the page. */
export function Note({ kind = 'info', children, testId }: NoteProps) {
  return (
    <div
      className={[styles.note, styles[kind]].join(' ')}
      role={kind === 'bad' ? 'alert' : undefined}
      data-testid={testId}
    >
      {children}
    </div>
  );
}

interface ErrorNoteProps {
  error: ErrorReport;
  testId: string;
  /** The run that it is about, if there are several. */
  about?: string;
  /** `caution` for expected errors. */
  kind?: 'caution' | 'bad';
  /** Buttons, if there is something to press. */
  children?: ReactNode;
}

/**
 * Says what happened and what to do about it. Messages may quote file names and addresses, so they are only rendered as
 * text.
 */
export function ErrorNote({ error, testId, about, kind = 'bad', children }: ErrorNoteProps) {
  return (
    <Note kind={kind} testId={testId}>
      <p className={styles.message}>{`${about ? `${about}: ` : ''}${error.message}`}</p>
      <p>
        <span>{`${error.hint} `}</span>
        <code translate="no" className={styles.code}>
          {error.code}
        </code>
      </p>
      {children}
    </Note>
  );
}
