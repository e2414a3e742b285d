import { useEffect, useRef, useState } from 'react';
import type { ErrorReport, UnsupportedReason } from '../../session/protocol.ts';
import { type AdapterOffer, adapterOffer, diagnostics } from '../../store/diagnostics.ts';
import { browserName } from '../browser.ts';
import { Button } from '../ui/Button.tsx';
import { SUPPORT, UNSUPPORTED } from '../unsupportedMessages.ts';
import { RecordedRun } from './RecordedRun.tsx';
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
      <p data-testid="browser">This is {browserName(navigator.userAgent)}.</p>
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
      <SupportTable />
      <RecordedRun />
    </article>
  );
}

function SupportTable() {
  return (
    <div className={styles.support}>
      <table data-testid="support">
        <caption>Browsers with WebGPU, as of {SUPPORT.asOf}</caption>
        <tbody>
          {SUPPORT.rows.map(([browser, state]) => (
            <tr key={browser}>
              <th scope="row">{browser}</th>
              <td>{state}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Diagnostics() {
  const [copied, setCopied] = useState(false);
  const [offer, setOffer] = useState<AdapterOffer | null>(null);
  useEffect(() => {
    void adapterOffer().then(setOffer);
  }, []);
  const text = diagnostics(offer);
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
