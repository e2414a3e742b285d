import { Fragment } from 'react';
import { changeRun } from '../../../store/history/history.ts';
import { useHistory } from '../../../store/history/historyStore.ts';
import type { RunRecord } from '../../../store/history/record.ts';
import { ScrollTable } from '../../ui/ScrollTable.tsx';
import { COLUMNS, type Column, sortRuns } from './columns.ts';
import { filteredRuns } from './filter.ts';
import { groupsOf } from './groups.ts';
import { changeSentence, countRuns, presetTitle, storageMark } from './messages.ts';
import { RunDetails } from './RunDetails.tsx';
import styles from './RunsTable.module.css';
import { MAX_OVERLAID, useRunsView } from './view.ts';

/** The check boxes are the first column. */
const COLUMN_COUNT = COLUMNS.length + 1;
/** Columns that only show text; star and name are buttons. */
const PLAIN_COLUMNS = COLUMNS.filter(({ id }) => id !== 'starred' && id !== 'name');

export function RunsTable() {
  const runs = useHistory((state) => state.runs);
  const sort = useRunsView((state) => state.sort);
  const open = useRunsView((state) => state.open);
  const filter = useRunsView((state) => state.filter);
  const starredOnly = useRunsView((state) => state.starredOnly);
  const sorted = sortRuns(filteredRuns(runs, { filter, starredOnly }), sort);
  // In another order, runs of one press of Train may stand far apart.
  const groups = sort.column === 'time' ? groupsOf(sorted) : null;
  return (
    <ScrollTable label="Table of runs" className={styles.scroll}>
      <table className={styles.table} data-testid="runs">
        <thead>
          <tr>
            <th scope="col">
              <span className="visuallyHidden">Chosen for the charts</span>
            </th>
            {COLUMNS.map((column) => (
              <HeaderCell key={column.id} column={column} />
            ))}
          </tr>
        </thead>
        <tbody translate="no">
          {sorted.length === 0 && (
            <tr>
              <td colSpan={COLUMN_COUNT} data-testid="none-match">
                No run matches the filter.
              </td>
            </tr>
          )}
          {sorted.map((run) => (
            <Fragment key={run.id}>
              {groups?.has(run.id) && <GroupRow runs={groups.get(run.id)!} />}
              <RunRow run={run} runs={runs} open={open === run.id} />
              {open === run.id && (
                <tr className={styles.details}>
                  <td colSpan={COLUMN_COUNT}>
                    <RunDetails run={run} />
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
    </ScrollTable>
  );
}

function HeaderCell({ column: { id, label, words } }: { column: Column }) {
  const sort = useRunsView((state) => state.sort);
  const sortBy = useRunsView((state) => state.sortBy);
  const sorted = sort.column === id ? (sort.descending ? 'descending' : 'ascending') : undefined;
  return (
    <th scope="col" aria-sort={sorted} className={words ? undefined : styles.figure}>
      <button type="button" className={styles.sort} onClick={() => sortBy(id)} data-testid={`sort-${id}`}>
        <span>{id === 'starred' ? <span aria-hidden="true">★</span> : label}</span>
        {id === 'starred' && <span className="visuallyHidden">{label}</span>}
        <span aria-hidden="true">{sorted ? (sort.descending ? ' ↓' : ' ↑') : ''}</span>
      </button>
    </th>
  );
}

/** Above the runs that one press of Train began. */
function GroupRow({ runs }: { runs: readonly RunRecord[] }) {
  const first = runs.slice(0, MAX_OVERLAID);
  const chooseOnly = useRunsView((state) => state.chooseOnly);
  const drawn = useRunsView(({ chosen }) => first.every(({ id }) => chosen.includes(id)));
  return (
    <tr className={styles.group} data-testid="run-group">
      <td />
      <th colSpan={COLUMN_COUNT - 1} scope="rowgroup">
        <span>{`${countRuns(runs.length)} started together, ${presetTitle(runs[0]!.preset)}`}</span>
        <button
          type="button"
          className={styles.draw}
          aria-pressed={drawn}
          onClick={() => chooseOnly(drawn ? [] : first.map(({ id }) => id))}
          data-testid="draw-group"
        >
          {runs.length > first.length ? `Draw the first ${first.length}` : 'Draw these'}
        </button>
      </th>
    </tr>
  );
}

interface RunRowProps {
  run: RunRecord;
  runs: readonly RunRecord[];
  open: boolean;
}

function RunRow({ run, runs, open }: RunRowProps) {
  const chosen = useRunsView((state) => state.chosen.includes(run.id));
  const full = useRunsView((state) => state.chosen.length >= MAX_OVERLAID);
  const choose = useRunsView((state) => state.choose);
  const openRun = useRunsView((state) => state.openRun);
  const where = useHistory((state) => storageMark(state, run.id));
  return (
    <tr data-testid="run" data-run={run.id} data-chosen={chosen}>
      <td>
        <input
          type="checkbox"
          className={styles.choose}
          aria-label={`Draw ${run.name}`}
          title={full && !chosen ? `At most ${MAX_OVERLAID} runs can be drawn together` : undefined}
          checked={chosen}
          disabled={full && !chosen}
          onChange={({ target }) => choose(run.id, target.checked)}
          data-testid="choose-run"
        />
      </td>
      <td>
        <button
          type="button"
          className={styles.star}
          aria-label={`Star ${run.name}`}
          aria-pressed={run.starred}
          onClick={() => void changeRun(run.id, { starred: !run.starred })}
          data-testid="star-run"
        >
          {run.starred ? '★' : '☆'}
        </button>
      </td>
      <th scope="row">
        <button
          type="button"
          className={styles.name}
          aria-expanded={open}
          onClick={() => openRun(open ? null : run.id)}
          data-testid="open-run"
        >
          {run.name}
        </button>
        {run.outcome !== 'finished' && <span className={styles.mark}>{run.outcome}</span>}
        {where && <span className={styles.mark}>{where}</span>}
        <p className={styles.changes} data-testid="run-changes">
          {changeSentence(run, runs)}
        </p>
        {run.note && <p className={styles.changes}>{run.note}</p>}
      </th>
      {PLAIN_COLUMNS.map(({ id, words, text }) => (
        <td key={id} className={words ? undefined : styles.figure} data-testid={`run-${id}`}>
          {text(run)}
        </td>
      ))}
    </tr>
  );
}
