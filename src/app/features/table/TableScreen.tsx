/** A lazy chunk: four formats at the largest batch that each fits, beside the figures of an article. */
import { ARTICLE, TABLE_PRESETS, TABLE_STEPS, type TablePreset } from '../../../engine/index.ts';
import { budgetBytes } from '../../../store/measurementStore.ts';
import { isBusy, overallProgress, useRun } from '../../../store/runStore.ts';
import { startTable, stopTable } from '../../../store/table/tableRun.ts';
import { choosePreset, useTable } from '../../../store/table/tableStore.ts';
import { statusLine } from '../../messages.ts';
import { UNSUPPORTED } from '../../screens/unsupportedMessages.ts';
import { docsPage } from '../../siteLinks.ts';
import { Actions } from '../../ui/Actions.tsx';
import { Button } from '../../ui/Button.tsx';
import { SelectField } from '../../ui/Field.tsx';
import { Note } from '../../ui/Note.tsx';
import { Panel } from '../../ui/Panel.tsx';
import screen from '../../ui/Screen.module.css';
import { BudgetFields, useBudget } from '../memory/BudgetFields.tsx';
import { ArticleTable } from './ArticleTable.tsx';
import { budgetHelp, estimateSentences, titleOf } from './messages.ts';
import styles from './TableScreen.module.css';
import { Unscaled } from './Unscaled.tsx';

export default function TableScreen() {
  const unsupported = useRun((state) => state.unsupported);
  return (
    <div className={screen.screen} data-testid="table-screen">
      <h1>The article's table</h1>
      <p className={styles.intro}>
        <span>{`On an ${ARTICLE.gpu}, ${ARTICLE.author} trained a GPT-2 of 163 M parameters in four formats, each at the largest batch that fit, and timed 100 steps: `}</span>
        <a href={ARTICLE.url}>{ARTICLE.title}</a>
        <span>
          . One press makes the same table on this device, with the largest model whose table takes less than
          five minutes.{' '}
        </span>
        <a href={docsPage('page', 'the-articles-table')}>How it is made</a>
      </p>
      {unsupported ? (
        <Note kind="caution" testId="table-unsupported">
          <p>{`${UNSUPPORTED[unsupported.reason].title}. ${UNSUPPORTED[unsupported.reason].short}`}</p>
        </Note>
      ) : (
        <Controls />
      )}
      <Panel title="Speed, batch, memory and loss" aria-label="The table">
        <ArticleTable />
        <Estimate />
      </Panel>
      <Unscaled />
    </div>
  );
}

function Controls() {
  const phase = useTable((state) => state.phase);
  const preset = useTable((state) => state.preset);
  const problem = useTable((state) => state.problem);
  const isFallback = useRun((state) => state.adapter?.isFallback ?? false);
  const ready = useRun((state) => state.adapter !== null && !isBusy(state));
  const stopping = useRun(({ status }) => status === 'stopping');
  const bytes = budgetBytes(useBudget());
  const running = phase.name !== 'idle';
  return (
    <Panel title="Make it on this device" aria-label="Make the table">
      <div className={styles.fields}>
        <div className={styles.budget}>
          <BudgetFields disabled={running} testId="table-budget" />
          <p className={styles.small}>{budgetHelp(isFallback)}</p>
        </div>
        <SelectField
          label="Model"
          disabled={running}
          value={preset ?? ''}
          onChange={(event) => choosePreset((event.target.value || null) as TablePreset | null)}
          help={`The article's is ${titleOf(ARTICLE.preset)}.`}
          data-testid="table-preset"
        >
          <option value="">The largest under five minutes</option>
          {TABLE_PRESETS.map((name) => (
            <option key={name} value={name}>
              {titleOf(name)}
            </option>
          ))}
        </SelectField>
      </div>
      <Actions>
        <Button
          kind="primary"
          disabled={!ready || running || bytes === null}
          onClick={() => bytes !== null && startTable(bytes)}
          data-testid="table-start"
        >
          Make the table
        </Button>
        <Button disabled={!running || stopping} onClick={stopTable} data-testid="table-stop">
          {stopping ? 'Stopping…' : 'Stop'}
        </Button>
      </Actions>
      <Progress />
      {problem && (
        <Note kind="bad" testId="table-problem">
          <p>{`${problem.message} ${problem.hint}`}</p>
        </Note>
      )}
    </Panel>
  );
}

/** It keeps its place while nothing is trained, so that nothing below moves. */
function Progress() {
  const phase = useTable((state) => state.phase);
  const status = useRun((state) => state.status);
  const line = useRun(statusLine);
  const value = useRun(overallProgress);
  const running = phase.name !== 'idle';
  return (
    <div className={styles.progress}>
      <p className={styles.small} data-testid="table-status">
        {running
          ? `${phase.name === 'measuring' ? `Timing a few steps of ${titleOf(phase.preset)}. ` : ''}${line}`
          : isBusy({ status })
            ? `The GPU is busy with another training: ${line}.`
            : `First, a few steps are timed, to know which model can take up to ${TABLE_STEPS} steps in each format in time.`}
      </p>
      <progress
        className={running ? undefined : styles.idle}
        value={running ? value : 0}
        max={1}
        aria-label="Progress of the table"
      />
    </div>
  );
}

function Estimate() {
  const table = useTable((state) => state.table);
  if (!table) {
    return <p className={styles.small}>No table was made on this device yet.</p>;
  }
  const { time, basis } = estimateSentences(table.estimate, table.preset, table.steps);
  return (
    <div data-testid="table-estimate">
      <p>{time}</p>
      <p className={styles.small}>{basis}</p>
    </div>
  );
}
