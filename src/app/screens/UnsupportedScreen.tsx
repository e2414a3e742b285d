import { useRef, useState } from 'react';
import type { ErrorReport, UnsupportedReason } from '../../session/protocol.ts';
import { diagnostics } from '../../store/diagnostics.ts';
import { UNSUPPORTED } from '../messages.ts';
import { Button } from '../ui/Button.tsx';
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

function Diagnostics() {
  const [copied, setCopied] = useState(false);
  const [text] = useState(diagnostics);
  const details = useRef<HTMLDetailsElement>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      // Without a clipboard (an insecure page has none) the text is shown to be copied by hand.
      if (details.current) details.current.open = true;
    }
  };
  return (
    <div className={styles.diagnostics}>
      <Button onClick={copy} data-testid="copy-diagnostics">
        {copied ? 'Copied' : 'Copy diagnostics'}
      </Button>
      <details ref={details}>
        <summary>Show diagnostics</summary>
        <pre data-testid="diagnostics">{text}</pre>
      </details>
    </div>
  );
}
