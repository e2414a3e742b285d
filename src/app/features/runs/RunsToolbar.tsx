import { useRef } from 'react';
import { writeBundle } from '../../../store/history/bundle.ts';
import { removeRuns } from '../../../store/history/history.ts';
import { useHistory } from '../../../store/history/historyStore.ts';
import type { RunRecord } from '../../../store/history/record.ts';
import { bytesOf } from '../../../store/history/size.ts';
import { download } from '../../download.ts';
import { Actions } from '../../ui/Actions.tsx';
import { Button } from '../../ui/Button.tsx';
import { CopyButton } from '../../ui/CopyButton.tsx';
import { sortRuns } from './columns.ts';
import { tableAsCsv, tableAsMarkdown } from './exportTable.ts';
import { filteredRuns } from './filter.ts';
import { importBundle } from './importBundle.ts';
import { countRuns, formatSize } from './messages.ts';
import styles from './RunsScreen.module.css';
import { useRunsView } from './view.ts';

/** Actions on the chosen runs, or on all runs when none is chosen. */
export function RunsToolbar({ chosen }: { chosen: readonly RunRecord[] }) {
  const runs = useHistory((state) => state.runs);
  const unreadable = useHistory((state) => state.unreadable);
  const sort = useRunsView((state) => state.sort);
  const file = useRef<HTMLInputElement>(null);
  const filter = useRunsView((state) => state.filter);
  const starredOnly = useRunsView((state) => state.starredOnly);
  const filtered = filteredRuns(runs, { filter, starredOnly });
  const meant = sortRuns(chosen.length > 0 ? chosen : filtered, sort);
  const which = meant.length < runs.length ? countRuns(meant.length) : 'all';
  const size = bytesOf([...runs, ...unreadable.map(({ value }) => value)]);
  const none = meant.length === 0;
  return (
    <Actions className={styles.toolbar}>
      <input
        ref={file}
        type="file"
        accept="application/json,.json"
        hidden
        onChange={({ target }) => {
          const [picked] = target.files ?? [];
          if (picked) void importBundle(picked);
          target.value = ''; // so that the same file can be chosen again
        }}
        data-testid="import-file"
      />
      <Button onClick={() => file.current?.click()} data-testid="import">
        Import…
      </Button>
      <Button
        disabled={none}
        onClick={() =>
          download(fileName('json'), new Blob([writeBundle(meant)], { type: 'application/json' }))
        }
        title="A file with configurations, results, curves and samples, which can be imported again"
        data-testid="export"
      >
        {`Export ${which}`}
      </Button>
      <Button
        disabled={none}
        onClick={() => download(fileName('csv'), new Blob([tableAsCsv(meant)], { type: 'text/csv' }))}
        title="The table, for spreadsheets"
        data-testid="export-csv"
      >
        CSV
      </Button>
      <CopyButton
        label="Copy as Markdown"
        disabled={none}
        text={() => tableAsMarkdown(meant)}
        testId="copy-markdown"
      />
      <Button
        disabled={runs.length === 0 && unreadable.length === 0}
        onClick={() => void removeRuns([...runs, ...unreadable].map(({ id }) => id))}
        data-testid="clear-runs"
      >
        {`Clear all${size > 0 ? `, ${formatSize(size)}` : ''}`}
      </Button>
    </Actions>
  );
}

function fileName(ending: string): string {
  return `halfstep-runs-${new Date().toISOString().slice(0, 10)}.${ending}`;
}
