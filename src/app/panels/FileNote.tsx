import { useEffect, useRef, useState } from 'react';
import { otherKinds } from '../../engine/index.ts';
import type { OpenedFile, SavedRun } from '../../session/protocol.ts';
import { obstacle as trainObstacle } from '../../store/actions.ts';
import { closeFile, evaluateFile, goOnObstacle, goOnWithFile, takenRun } from '../../store/fileActions.ts';
import { useFiles } from '../../store/files.ts';
import { isBusy, useRun } from '../../store/runStore.ts';
import { useSettings } from '../../store/settingsStore.ts';
import { readNumber, typedProblem } from '../../store/typedNumber.ts';
import { download } from '../download.ts';
import { formatCount, formatCounted } from '../format.ts';
import { titleOf } from '../messages.ts';
import { Button } from '../ui/Button.tsx';
import { TextField } from '../ui/Field.tsx';
import { ErrorNote, Note } from '../ui/Note.tsx';
import styles from './SavedRunNote.module.css';

/** The file that a run can start from or resume, and what was made for the visitor to take. */
export default function FileNote() {
  useHandOver();
  return (
    <>
      <OpenedNote />
      <SavedExportError />
    </>
  );
}

/** The panel of the run on the GPU tells its own. */
function SavedExportError() {
  const error = useFiles((state) => state.exportError);
  const shown = useRun(takenRun) === null;
  return shown && error && <ErrorNote error={error} testId="export-error" />;
}

function OpenedNote() {
  const opened = useFiles((state) => state.opened);
  const place = useRef<HTMLDivElement>(null);
  // The file may have been chosen at the other end of the page.
  useEffect(() => {
    if (opened.state !== 'none') place.current?.scrollIntoView({ block: 'nearest' });
  }, [opened]);
  return (
    <div ref={place} className={styles.place}>
      <OpenedState />
    </div>
  );
}

function OpenedState() {
  const opened = useFiles((state) => state.opened);
  switch (opened.state) {
    case 'none':
      return null;
    case 'reading':
      return (
        <Note>
          <p role="status">{`Reading ${opened.name}…`}</p>
        </Note>
      );
    case 'refused':
      return (
        <ErrorNote error={opened.error} testId="file-error">
          <Button onClick={closeFile}>Dismiss</Button>
        </ErrorNote>
      );
    case 'ready':
      return opened.file.kind === 'run' ? <RunInFile {...opened.file} /> : <ModelInFile {...opened.file} />;
  }
}

/** Hands over what the worker has made. */
function useHandOver(): void {
  const made = useFiles((state) => state.made);
  useEffect(() => {
    if (!made) return;
    download(made.name, made.content);
    useFiles.setState({ made: null });
  }, [made]);
}

function RunInFile({ name, saved }: { name: string; saved: SavedRun }) {
  const [typed, setTyped] = useState(String(Math.max(saved.config.steps, saved.step)));
  const busy = useRun((state) => isBusy(state.status));
  const steps = readNumber(typed) ?? Number.NaN;
  // The text may be chosen while the note is there.
  useSettings((state) => state.ownText);
  const obstacle = goOnObstacle(saved, steps);
  return (
    <Note testId="run-file">
      <p>
        <strong>{name}</strong>
        <span>{` is a run: ${titleOf(saved.config.precision)}, step ${formatCount(saved.step)} of ${formatCount(saved.config.steps)}, on ${saved.text.name}. ${obstacle ?? 'It resumes exactly where it was; what is shown now stays under Runs.'}`}</span>
      </p>
      <TextField
        label="Steps in all"
        inputMode="numeric"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        help="The learning rate falls until then, so another number changes the steps to come."
        error={typedProblem(typed)}
        data-testid="file-steps"
      />
      <div className={styles.buttons}>
        {!busy && (
          <Button
            onClick={() => goOnWithFile(steps)}
            disabled={obstacle !== null}
            data-testid="go-on-with-file"
          >
            Resume it
          </Button>
        )}
        <Button onClick={closeFile} data-testid="close-file">
          Close
        </Button>
      </div>
    </Note>
  );
}

type ModelFacts = Extract<OpenedFile, { kind: 'model' }>;

function ModelInFile({ name, shape, heads, tokenizer, likelyTokenizer, notes }: ModelFacts) {
  const busy = useRun((state) => isBusy(state.status));
  const blocked = useSettings((state) => trainObstacle(state));
  const assumed = useSettings(({ settings }) => settings.tokenizer === null) ? likelyTokenizer : null;
  const assumedHeads = useSettings(({ settings }) =>
    heads === null && settings.heads === null ? settings.init?.usualHeads : undefined,
  );
  const { layers, width, context, vocabulary, tied } = shape;
  return (
    <Note testId="model-file">
      <p>
        Training starts from the weights of <strong>{name}</strong>
        <span>{`: ${formatCounted(layers, 'layer')}, ${heads !== null ? `${formatCounted(heads, 'head')}, ` : ''}width ${formatCount(width)}, context ${formatCount(context)}, vocabulary ${formatCount(vocabulary)}, ${tied ? 'tied' : 'with an output matrix of its own'}${otherKinds(shape)}.`}</span>
      </p>
      {assumedHeads !== undefined && (
        <p>
          {`It does not say how many heads it has: ${formatCounted(assumedHeads, 'head')} ${assumedHeads === 1 ? 'is' : 'are'} assumed, of about 64 channels each as in GPT-2. Drop its config.json with it, or set them under Model.`}
        </p>
      )}
      {tokenizer === null && assumed !== null && (
        <p>
          It has as many tokens as GPT-2 and brings no tokenizer: GPT-2's is assumed. Drop its tokenizer.json
          with it, or choose another under Data.
        </p>
      )}
      {tokenizer === null && assumed === null && (
        <p>{`It brings no tokenizer. The text must have exactly its ${formatCount(vocabulary)} tokens; whether they stand in the same order cannot be checked. Drop its tokenizer.json with it.`}</p>
      )}
      {notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
      <div className={styles.buttons}>
        {!busy && (
          <Button onClick={evaluateFile} disabled={blocked !== null} data-testid="evaluate-file">
            Evaluate it
          </Button>
        )}
        <Button onClick={closeFile} disabled={busy} data-testid="close-file">
          Close
        </Button>
      </div>
    </Note>
  );
}
