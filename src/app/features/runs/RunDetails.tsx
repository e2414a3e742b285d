import { useId } from 'react';
import { changesEffect, changesText, otherKinds } from '../../../engine/index.ts';
import { changeRun, removeRuns } from '../../../store/history/history.ts';
import { MAX_NAME, MAX_NOTE, type RunRecord } from '../../../store/history/record.ts';
import { settingsOf } from '../../../store/history/settingsOf.ts';
import { plainName } from '../../../store/plainName.ts';
import { isBusy, useRun } from '../../../store/runStore.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { formatCount } from '../../format.ts';
import { Button } from '../../ui/Button.tsx';
import { TextField } from '../../ui/Field.tsx';
import styles from './RunDetails.module.css';

/** Details of a run. Names and notes are saved as they are typed. */
export function RunDetails({ run }: { run: RunRecord }) {
  const note = useId();
  const sample = run.samples.at(-1);
  return (
    <div className={styles.details} data-testid="run-details">
      <div className={styles.fields}>
        <TextField
          label="Name"
          defaultValue={run.name}
          maxLength={MAX_NAME}
          onChange={({ target }) => {
            const name = plainName(target.value).trim();
            if (name) void changeRun(run.id, { name });
          }}
          data-testid="run-name"
        />
        <div className={styles.note}>
          <label htmlFor={note}>Note</label>
          <textarea
            id={note}
            rows={2}
            defaultValue={run.note}
            maxLength={MAX_NOTE}
            onChange={({ target }) => void changeRun(run.id, { note: target.value })}
            data-testid="run-note"
          />
        </div>
        <UseSettings run={run} />
        <Button onClick={() => void removeRuns([run.id])} data-testid="delete-run">
          Delete this run
        </Button>
      </div>
      <div className={styles.facts}>
        <p>
          <span>{`${formatCount(run.facts.parameters)} parameters${otherKinds(run.config)}, trained on ${run.facts.text.name}`}</span>
          {run.summary && <span>{` with ${run.summary.adapter}`}</span>}
          <span>.</span>
        </p>
        {run.facts.changes.length > 0 && (
          <p data-testid="run-went-on">
            {`${changesText(run.facts.changes)} ${changesEffect(run.facts.changes)}`}
          </p>
        )}
        {run.error && <p>{`${run.error.message} ${run.error.hint}`}</p>}
        {sample && (
          <figure>
            <figcaption>{`Sample after step ${formatCount(sample.step)}`}</figcaption>
            <pre translate="no" className={styles.sample}>{`${sample.prompt}${sample.text}`}</pre>
          </figure>
        )}
      </div>
    </div>
  );
}

/** Chooses the settings of the run on the Lab's screen, and shows it. A training that continues keeps its own. */
function UseSettings({ run }: { run: RunRecord }) {
  const busy = useRun(isBusy);
  const { settings, ownText } = settingsOf(run);
  return (
    <div className={styles.use}>
      <Button
        disabled={busy}
        onClick={() => {
          useSettings.getState().choose(settings);
          location.hash = 'train';
        }}
        data-testid="use-settings"
      >
        Use these settings
      </Button>
      {ownText !== null && <p>{`Choose your text "${ownText}" again before you train.`}</p>}
    </div>
  );
}
