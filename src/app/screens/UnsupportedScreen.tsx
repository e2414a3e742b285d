import type { ErrorReport, UnsupportedReason } from '../../session/protocol.ts';
import { UNSUPPORTED } from '../messages.ts';
import { Diagnostics } from '../ui/Diagnostics.tsx';
import styles from './UnsupportedScreen.module.css';

interface UnsupportedScreenProps {
  reason: UnsupportedReason;
  error: ErrorReport | null;
}

/** Says by reason what is missing and what to do about it. */
export function UnsupportedScreen({ reason, error }: UnsupportedScreenProps) {
  const { title, why, steps } = UNSUPPORTED[reason];
  return (
    <article className={styles.page} data-testid="unsupported" data-reason={reason}>
      <h1>{title}</h1>
      <p>{why}</p>
      <h2>What you can do</h2>
      <ul className={styles.steps}>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ul>
      {error && (
        <>
          <h2>What the browser said</h2>
          <p>
            {error.message} {error.hint}
          </p>
        </>
      )}
      <Diagnostics />
    </article>
  );
}
