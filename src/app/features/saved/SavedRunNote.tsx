import { useState } from 'react';
import type { StoredRun, UnreadableRun } from '../../../session/protocol.ts';
import { removeSavedRun, resumeObstacle, resumeSavedRun } from '../../../store/actions.ts';
import { exportObstacle } from '../../../store/exportObstacle.ts';
import { continueObstacle, exportRun } from '../../../store/fileActions.ts';
import { useFiles } from '../../../store/files.ts';
import { isBusy, isModelOnGpu, useRun } from '../../../store/runStore.ts';
import { isSaved, nextReplaced, otherStoredRuns, replacedBy, useSavedRun } from '../../../store/savedRun.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { readNumber, typedProblem } from '../../../store/typedNumber.ts';
import { formatCount } from '../../format.ts';
import { Button } from '../../ui/Button.tsx';
import { TextField } from '../../ui/Field.tsx';
import { ErrorNote, Note } from '../../ui/Note.tsx';
import styles from './SavedRunNote.module.css';
import {
  endedSentence,
  keepingSentence,
  scheduleSentence,
  unfinishedSentence,
  unreadableSentence,
} from './storedMessages.ts';

/** Notes for the runs saved in this browser that are not shown, and the reason when the current run is not saved. */
export default function SavedRunNote() {
  const state = useSavedRun();
  const busy = useRun(isBusy);
  const onGpu = useRun((run) => isBusy(run) || isModelOnGpu(run));
  const { error, notRemoved } = state;
  return (
    <>
      {otherStoredRuns(state, onGpu).map((run) => {
        if (!run.ended) return <UnfinishedRun key={run.place} run={run} busy={busy} />;
        return !busy && <EndedRun key={`${run.place} ${run.savedAt}`} run={run} />;
      })}
      {state.unreadable.map((run) => (
        <Unreadable key={run.place} run={run} busy={busy} />
      ))}
      {notRemoved && (
        <ErrorNote error={notRemoved} about="Not removed" kind="caution" testId="forget-error" />
      )}
      {error && <ErrorNote error={error} about="Not saved" kind="caution" testId="autosave-error" />}
    </>
  );
}

function UnfinishedRun({ run, busy }: { run: StoredRun; busy: boolean }) {
  const obstacle = useSettings((state) => resumeObstacle(run, state));
  const saved = useSavedRun((state) => state.newest !== null || isSaved(state, 1));
  return (
    <Note testId="saved-run">
      <p>{unfinishedSentence(run, obstacle, busy, saved)}</p>
      <div className={styles.buttons}>
        {!busy && (
          <Button onClick={() => resumeSavedRun(run)} disabled={obstacle !== null} data-testid="resume-saved">
            Resume last run
          </Button>
        )}
        {!busy && <StoredFiles run={run} />}
        <Button onClick={() => removeSavedRun(run)} data-testid="discard-saved">
          Remove
        </Button>
      </div>
    </Note>
  );
}

function EndedRun({ run }: { run: StoredRun }) {
  const obstacle = useSettings((state) => resumeObstacle(run, state));
  const isNextReplaced = useSavedRun((state) => nextReplaced(state)?.place === run.place);
  return (
    <Note testId="ended-run">
      <p>{endedSentence(run, obstacle, isNextReplaced)}</p>
      <div className={styles.buttons}>
        <Button
          onClick={() => resumeSavedRun({ ...run, config: { ...run.config, steps: run.step } })}
          disabled={obstacle !== null}
          title="Loads the model and its curves as they were at the end, to sample, export and inspect"
          data-testid="open-ended"
        >
          Open
        </Button>
        <StoredFiles run={run} />
        <Button onClick={() => removeSavedRun(run)} data-testid="discard-ended">
          Remove
        </Button>
      </div>
      {obstacle === null && <ContinueRun run={run} />}
    </Note>
  );
}

/** Has no buttons while a run is training, because its saves hold the storage. */
function Unreadable({ run, busy }: { run: UnreadableRun; busy: boolean }) {
  return (
    <Note kind="caution" testId="unreadable-run">
      <p>{unreadableSentence(run)}</p>
      {!busy && (
        <div className={styles.buttons}>
          {run.exported && <RunFileButton place={run.place} />}
          <Button onClick={() => removeSavedRun(run)} data-testid="discard-unreadable">
            Remove
          </Button>
        </div>
      )}
    </Note>
  );
}

function RunFileButton({ place }: Pick<StoredRun, 'place'>) {
  const exporting = useFiles((state) => state.exporting);
  return (
    <Button onClick={() => exportRun({ place }, 'run')} disabled={exporting} data-testid="export-saved">
      Run file
    </Button>
  );
}

/** Exports of a stored run, which need no GPU. */
function StoredFiles({ run: { place, config, best } }: { run: StoredRun }) {
  const exporting = useFiles((state) => state.exporting);
  const obstacle = exportObstacle('model', config);
  return (
    <>
      <RunFileButton place={place} />
      <Button
        onClick={() => exportRun({ place }, 'model', 'F32', best ? 'best' : 'master')}
        disabled={exporting || obstacle !== null}
        title={`A model folder for Hugging Face's libraries, as a ZIP archive${best ? `: the best checkpoint, of step ${formatCount(best.step)}` : ''}`}
        data-testid="export-saved-model"
      >
        Model
      </Button>
      {obstacle !== null && <span className={styles.obstacle}>{obstacle}</span>}
    </>
  );
}

function ContinueRun({ run }: { run: StoredRun }) {
  const [typed, setTyped] = useState(String(run.step < run.config.steps ? run.config.steps : 2 * run.step));
  const steps = readNumber(typed) ?? Number.NaN;
  const obstacle = continueObstacle(run, steps);
  const goes = useSavedRun((state) => replacedBy(state, run.place));
  return (
    <div className={styles.continueRun}>
      <TextField
        label="Total steps"
        inputMode="numeric"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        help={obstacle === null && `${scheduleSentence(run, steps)} ${keepingSentence(run, goes)}`}
        error={typedProblem(typed) ?? obstacle}
        data-testid="train-on-steps"
      />
      <Button onClick={() => resumeSavedRun(run, steps)} disabled={obstacle !== null} data-testid="train-on">
        Continue
      </Button>
    </div>
  );
}
