import { UNSCALED_MODE } from '../../../engine/index.ts';
import { rowOfMode } from '../../../store/table/record.ts';
import { useTable } from '../../../store/table/tableStore.ts';
import { ShareActions } from '../../picture/ShareActions.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { tableCard } from './card.ts';
import { unscaledSentences } from './messages.ts';
import styles from './TableScreen.module.css';

/** What happens without the scaler, and the card to share when the table is complete. */
export function Unscaled() {
  const table = useTable((state) => state.table);
  const row = table && rowOfMode(table, UNSCALED_MODE);
  return (
    <Panel title="Then the loss scaler is taken away" aria-label="Without the scaler">
      {table?.unscaled && row ? (
        <ul className={styles.unscaled} data-testid="table-unscaled">
          {unscaledSentences(table, table.unscaled, row).map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      ) : (
        <p className={styles.small}>
          The last run trains in f16 at the batch of mixed f16, without multiplying the loss. What vanishes,
          or is not finite, is named here.
        </p>
      )}
      {table && (
        <ShareActions
          card={() => tableCard(table, location.href)}
          draw={async (card) => (await import('./tableImage.ts')).tableImage(card)}
          name="halfstep-table.png"
          ready={table.seconds !== null}
          testId="table"
        />
      )}
    </Panel>
  );
}
