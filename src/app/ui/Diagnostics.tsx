import { useRef, useState } from 'react';
import { type AdapterOffer, diagnostics } from '../../store/diagnostics.ts';
import { Button } from './Button.tsx';
import styles from './Diagnostics.module.css';

/**
 * The contents of a problem report, to copy. @param offer the adapter's features and limits when the worker has none
 */
export function Diagnostics({ offer = null }: { offer?: AdapterOffer | null }) {
  const [copied, setCopied] = useState(false);
  const details = useRef<HTMLDetailsElement>(null);
  const text = diagnostics(offer);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      // Without a clipboard, as on insecure pages, the text is shown to be copied by hand.
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
        <pre translate="no" data-testid="diagnostics">
          {text}
        </pre>
      </details>
    </div>
  );
}
