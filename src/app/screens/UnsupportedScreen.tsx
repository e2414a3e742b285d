import { useEffect, useRef, useState } from 'react';
import type { ErrorReport, UnsupportedReason } from '../../session/protocol.ts';
import { type AdapterOffer, adapterOffer } from '../../store/diagnostics.ts';
import { browserName } from '../browser.ts';
import { Button } from '../ui/Button.tsx';
import { Diagnostics } from '../ui/Diagnostics.tsx';
import { RecordedRun } from './RecordedRun.tsx';
import styles from './UnsupportedScreen.module.css';
import { SUPPORT, UNSUPPORTED } from './unsupportedMessages.ts';

interface UnsupportedScreenProps {
  reason: UnsupportedReason;
  error: ErrorReport | null;
}

/**
 * Shows a recorded run and explains what is missing and what to do about it. A lazy chunk, because most visitors never
 * see it.
 */
export default function UnsupportedScreen({ reason, error }: UnsupportedScreenProps) {
  const { title, short, why, steps } = UNSUPPORTED[reason];
  const [offer, setOffer] = useState<AdapterOffer | null>(null);
  const remedy = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    void adapterOffer().then(setOffer);
  }, []);
  return (
    <article className={styles.page} data-testid="unsupported" data-reason={reason}>
      <h1>{title}</h1>
      <p>{short}</p>
      <div>
        <Button onClick={() => remedy.current?.focus()} data-testid="remedy">
          Why, and what you can do
        </Button>
      </div>
      <RecordedRun />
      {/* Focus scrolls to it, and screen readers continue from there. */}
      <h2 ref={remedy} tabIndex={-1}>
        Why training is not possible here
      </h2>
      <p>{why}</p>
      <p data-testid="browser">{`This is ${browserName(navigator.userAgent)}.`}</p>
      <h2>What you can do</h2>
      <ul className={styles.steps}>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ul>
      {error && (
        <>
          <h2>What the browser reported</h2>
          <p>{`${error.message} ${error.hint}`}</p>
        </>
      )}
      <Diagnostics offer={offer} />
      <SupportTable />
    </article>
  );
}

function SupportTable() {
  return (
    <div className={styles.support}>
      <table data-testid="support">
        <caption>{`Browsers with WebGPU, as of ${SUPPORT.asOf}`}</caption>
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
