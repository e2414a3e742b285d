import {
  missingRuns,
  SWEEP_LEGEND,
  type Sweep,
  sweepCsv,
  sweepMarkdown,
  sweepProgress,
  variantTitle,
  writeSweep,
} from '../../../engine/index.ts';
import { isBusy, useRun } from '../../../store/runStore.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import type { KeptSweep } from '../../../store/sweep/records.ts';
import { runsOfSweep } from '../../../store/sweep/sweepPlan.ts';
import { continueSweep, stopSweep, sweepObstacle, wholeSweep } from '../../../store/sweep/sweepRun.ts';
import { removeSweep, showSweep, useSweeps } from '../../../store/sweep/sweepStore.ts';
import { secondsOf } from '../../../store/sweep/sweepTime.ts';
import { download } from '../../download.ts';
import { formatDuration } from '../../format.ts';
import { runLabel, statusLine } from '../../messages.ts';
import { Actions } from '../../ui/Actions.tsx';
import { Button } from '../../ui/Button.tsx';
import { CopyButton } from '../../ui/CopyButton.tsx';
import { SelectField } from '../../ui/Field.tsx';
import { lazyPart } from '../../ui/lazyPart.tsx';
import { Note } from '../../ui/Note.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Cells } from './Cells.tsx';
import { Heatmap } from './Heatmap.tsx';
import styles from './SweepScreen.module.css';

const RateCurves = lazyPart('curves of this sweep', () => import('./RateCurves.tsx'));

/** Shows the chosen sweep, or else the newest. */
export function SweepPanel() {
  const sweeps = useSweeps((state) => state.sweeps);
  const shown = useSweeps((state) => state.shown);
  const sweep = sweeps.find(({ id }) => id === shown) ?? sweeps[0];
  if (!sweep) return null;
  return (
    <Panel title="Results" aria-label="Results" data-testid="sweep-results">
      {sweeps.length > 1 && (
        <SelectField
          label="Sweep"
          value={sweep.id}
          onChange={(event) => showSweep(event.target.value)}
          data-testid="sweep-choice"
        >
          {sweeps.map((one) => (
            <option key={one.id} value={one.id}>
              {nameOf(one)}
            </option>
          ))}
        </SelectField>
      )}
      <p className={styles.muted} data-testid="sweep-progress">
        {`${sweepProgress(sweep)} Seeds ${sweep.grid.seeds.join(', ')}.`}
      </p>
      <Running sweep={sweep} />
      <Heatmap sweep={sweep} />
      <RateCurves sweep={sweep} />
      <p className={styles.legend}>{SWEEP_LEGEND}</p>
      <Cells cells={sweep.cells} />
      <Exports sweep={sweep} whole={wholeSweep(sweep)} />
    </Panel>
  );
}

/** "22 Nov 2026, 09:15: FP32, Mixed f16 at 3 rates" */
function nameOf({ time, grid }: KeptSweep): string {
  const when = new Date(time).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
  const rates = grid.learningRates.length;
  return `${when}: ${grid.modes.map(variantTitle).join(', ')} at ${rates} ${rates === 1 ? 'rate' : 'rates'}`;
}

function Running({ sweep }: { sweep: KeptSweep }) {
  const running = useSweeps((state) => state.running === sweep.id);
  const ended = useSweeps(({ ended: end }) => (end?.id === sweep.id ? end.problem : null));
  const busy = useRun(isBusy);
  const waitsForText = useSettings(({ ownText }) => sweepObstacle(sweep, ownText));
  const left = missingRuns(runsOfSweep(sweep), sweep.cells);
  const missing = left.length;
  const seconds = secondsOf(left, sweep.cells);
  return (
    <>
      {ended && (
        <Note kind="bad" testId="sweep-ended">
          <p>{`${ended.message} ${ended.hint}`}</p>
        </Note>
      )}
      {running && <LiveLine />}
      {missing > 0 && (
        <p className={styles.muted} data-testid="sweep-time">
          {seconds === null
            ? 'The time that it takes is estimated once a cell has ended.'
            : `About ${formatDuration(seconds)} left, by the time that the finished cells took.`}
        </p>
      )}
      {!running && missing > 0 && waitsForText && <p className={styles.muted}>{waitsForText}</p>}
      <Actions>
        {running && (
          <Button onClick={stopSweep} data-testid="sweep-stop">
            Stop
          </Button>
        )}
        {!running && missing > 0 && (
          <Button
            kind="primary"
            disabled={busy || waitsForText !== null}
            onClick={() => continueSweep(sweep.id)}
            data-testid="sweep-continue"
          >{`Continue, ${missing} left`}</Button>
        )}
        <Button disabled={running} onClick={() => void removeSweep(sweep.id)} data-testid="sweep-delete">
          Delete
        </Button>
      </Actions>
    </>
  );
}

/** Progress of the current cell; its curves are in the Lab. */
function LiveLine() {
  const line = useRun(statusLine);
  const cell = useRun(({ runs: [run] }) => (run ? `${runLabel(run)}, seed ${run.config.seed}` : ''));
  return (
    <p className={styles.muted} data-testid="sweep-live">
      <span>{`${cell}: ${line}. `}</span>
      <a href="#train">Show the run</a>
    </p>
  );
}

function Exports({ sweep, whole }: { sweep: KeptSweep; whole: Sweep | null }) {
  const give = (ending: string, type: string, text: string) =>
    download(
      `halfstep-sweep-${new Date(sweep.time).toISOString().slice(0, 10)}.${ending}`,
      new Blob([text], { type }),
    );
  if (!whole || whole.cells.length === 0) return null;
  return (
    <Actions>
      <CopyButton label="Copy as Markdown" text={() => sweepMarkdown(whole)} testId="sweep-markdown" />
      <Button onClick={() => give('csv', 'text/csv', sweepCsv(whole))} data-testid="sweep-csv">
        CSV
      </Button>
      <Button
        onClick={() => give('json', 'application/json', writeSweep(whole))}
        title="The same format as the file of npm run sweep"
        data-testid="sweep-json"
      >
        JSON
      </Button>
    </Actions>
  );
}
