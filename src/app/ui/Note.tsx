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
  /** Which run it is about, where there are several. */
  about?: string;
  /** `caution` for what was to be expected. */
  kind?: 'caution' | 'bad';
  /** What to press, where something can be pressed. */
  children?: ReactNode;
}

/** What happened and what to do about it. Messages may quote file names and addresses: they are only ever text. */
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
