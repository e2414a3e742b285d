import { useEffect, useState } from 'react';
import type { ErrorReport, UnsupportedReason } from '../../session/protocol.ts';
import { type AdapterOffer, adapterOffer } from '../../store/diagnostics.ts';
import { browserName } from '../browser.ts';
import { Diagnostics } from '../ui/Diagnostics.tsx';
import { SUPPORT, UNSUPPORTED } from '../unsupportedMessages.ts';
import { RecordedRun } from './RecordedRun.tsx';
import styles from './UnsupportedScreen.module.css';

interface UnsupportedScreenProps {
  reason: UnsupportedReason;
  error: ErrorReport | null;
}

/** Says by reason what is missing and what to do about it. A lazy chunk: most visitors never see it. */
export default function UnsupportedScreen({ reason, error }: UnsupportedScreenProps) {
  const { title, why, steps } = UNSUPPORTED[reason];
  const [offer, setOffer] = useState<AdapterOffer | null>(null);
  useEffect(() => {
    void adapterOffer().then(setOffer);
  }, []);
  return (
    <article className={styles.page} data-testid="unsupported" data-reason={reason}>
      <h1>{title}</h1>
      <p data-testid="browser">{`This is ${browserName(navigator.userAgent)}.`}</p>
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
          <p>{`${error.message} ${error.hint}`}</p>
        </>
      )}
      <Diagnostics offer={offer} />
      <SupportTable />
      <RecordedRun />
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
