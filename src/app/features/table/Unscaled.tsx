import { useState } from 'react';
import { UNSCALED_MODE } from '../../../engine/index.ts';
import { rowOfMode, type TableRecord } from '../../../store/table/record.ts';
import { useTable } from '../../../store/table/tableStore.ts';
import { download } from '../../download.ts';
import { Actions } from '../../ui/Actions.tsx';
import { Button } from '../../ui/Button.tsx';
import { CopyButton } from '../../ui/CopyButton.tsx';
import { Note } from '../../ui/Note.tsx';
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
      {table && <Share table={table} />}
    </Panel>
  );
}

/** An image that is drawn on this device, and the address of this screen. Nothing is sent anywhere. */
function Share({ table }: { table: TableRecord }) {
  const [problem, setProblem] = useState<string | null>(null);
  const save = async () => {
    try {
      const { tableImage } = await import('./tableImage.ts');
      download('halfstep-table.png', await tableImage(tableCard(table, location.href)));
      setProblem(null);
    } catch (cause) {
      setProblem(
        `The image could not be made: ${cause instanceof Error ? cause.message : 'unknown reason'}.`,
      );
    }
  };
  return (
    <>
      <Actions>
        <Button
          kind="primary"
          onClick={save}
          disabled={table.seconds === null}
          title="Drawn on this device when the table is complete"
          data-testid="table-image"
        >
          Share as an image
        </Button>
        <CopyButton
          label="Copy the link"
          text={() => tableCard(table, location.href).url}
          testId="table-link"
        />
      </Actions>
      {problem && (
        <Note kind="caution" testId="table-image-problem">
          <p>{problem}</p>
        </Note>
      )}
    </>
  );
}
