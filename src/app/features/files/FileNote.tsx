import { useEffect, useRef, useState } from 'react';
import { otherKinds, variantTitle } from '../../../engine/index.ts';
import type { OpenedFile, SavedRun } from '../../../session/protocol.ts';
import { obstacle as trainObstacle } from '../../../store/actions.ts';
import {
  closeFile,
  continueFile,
  continueObstacle,
  evaluateFile,
  exportableRun,
} from '../../../store/fileActions.ts';
import { forgetMade, useFiles } from '../../../store/files.ts';
import { isBusy, useRun } from '../../../store/runStore.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import { readNumber, typedProblem } from '../../../store/typedNumber.ts';
import { download } from '../../download.ts';
import { formatCount, formatCounted } from '../../format.ts';
import { showScreen } from '../../hooks/useScreen.ts';
import { Button } from '../../ui/Button.tsx';
import { TextField } from '../../ui/Field.tsx';
import { LazyDetails } from '../../ui/LazyDetails.tsx';
import { lazyPart } from '../../ui/lazyPart.tsx';
import { ErrorNote, Note } from '../../ui/Note.tsx';
import styles from '../saved/SavedRunNote.module.css';
import { LoadAgain, LoadingNote, StoppedNote } from './LoadingNote.tsx';

const ScoreForm = lazyPart('form for a text', () => import('./ScoreForm.tsx'));

/** Shows the opened file, which a run can start from or resume, and hands over exported files. */
export default function FileNote() {
  useDownload();
  return (
    <>
      <OpenedNote />
      <SavedExportError />
    </>
  );
}

/** The export error of a stored run. For a run on the GPU the export panel shows it. */
function SavedExportError() {
  const error = useFiles((state) => state.exportError);
  const shown = useRun(exportableRun) === null;
  return shown && error && <ErrorNote error={error} testId="export-error" />;
}

function OpenedNote() {
  // Of a download the same through all its progress.
  const shown = useFiles(({ opened }) => (opened.state === 'loading' ? opened.id : opened));
  const place = useRef<HTMLDivElement>(null);
  // The file may have been chosen at the other end of the page, so the note scrolls into view.
  useEffect(() => {
    if (typeof shown === 'number' || shown.state !== 'none')
      place.current?.scrollIntoView({ block: 'nearest' });
  }, [shown]);
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
    case 'loading':
      return <LoadingNote {...opened} />;
    case 'stopped':
      return <StoppedNote {...opened} onClose={closeFile} />;
    case 'refused':
      return (
        <ErrorNote error={opened.error} testId="file-error">
          <div className={styles.buttons}>
            {opened.address !== null && <LoadAgain address={opened.address} />}
            <Button onClick={closeFile}>Dismiss</Button>
          </div>
        </ErrorNote>
      );
    case 'ready':
      return opened.file.kind === 'run' ? <RunInFile {...opened.file} /> : <ModelInFile {...opened.file} />;
  }
}

/** Downloads the file that the worker has exported. */
function useDownload(): void {
  const made = useFiles((state) => state.made);
  useEffect(() => {
    if (!made) return;
    download(made.name, made.content);
    forgetMade();
  }, [made]);
}

function RunInFile({ name, saved }: { name: string; saved: SavedRun }) {
  const [typed, setTyped] = useState(String(Math.max(saved.config.steps, saved.step)));
  const busy = useRun(isBusy);
  const steps = readNumber(typed) ?? Number.NaN;
  // Re-renders when the text changes, since the visitor may choose it while the note is shown.
  useSettings((state) => state.ownText);
  const obstacle = continueObstacle(saved, steps);
  return (
    <Note testId="run-file">
      <p>
        <strong>{name}</strong>
        <span>{` is a run: ${variantTitle(saved.config.precision)}, step ${formatCount(saved.step)} of ${formatCount(saved.config.steps)}, on ${saved.text.name}. ${obstacle ?? 'It resumes exactly where it was; the runs shown now stay under Runs.'}`}</span>
      </p>
      <TextField
        label="Total steps"
        inputMode="numeric"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        help="The learning rate decays until then, so a different number changes the remaining steps."
        error={typedProblem(typed)}
        data-testid="file-steps"
      />
      <div className={styles.buttons}>
        {!busy && (
          <Button
            onClick={() => {
              continueFile(steps);
              // "My text" shows only the runs on a text of the visitor's.
              if (saved.text.builtin !== null) showScreen('train');
            }}
            disabled={obstacle !== null}
            data-testid="go-on-with-file"
          >
            Resume
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
  const busy = useRun(isBusy);
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
        <span>{`: ${formatCounted(layers, 'layer')}, ${heads !== null ? `${formatCounted(heads, 'head')}, ` : ''}width ${formatCount(width)}, context ${formatCount(context)}, vocabulary ${formatCount(vocabulary)}, ${tied ? 'tied' : 'untied output matrix'}${otherKinds(shape)}.`}</span>
      </p>
      {assumedHeads !== undefined && (
        <p>
          {`The file does not state its number of heads: ${formatCounted(assumedHeads, 'head')} ${assumedHeads === 1 ? 'is' : 'are'} assumed, with about 64 channels each as in GPT-2. Drop its config.json with it, or set the heads under Model.`}
        </p>
      )}
      {tokenizer === null && assumed !== null && (
        <p>
          It has as many tokens as GPT-2 but no tokenizer, so GPT-2's is assumed. Drop its tokenizer.json with
          it, or choose another tokenizer under Data.
        </p>
      )}
      {tokenizer === null && assumed === null && (
        <p>{`It has no tokenizer. The text must have exactly ${formatCount(vocabulary)} tokens, and whether their order is the same cannot be checked. Drop its tokenizer.json with it.`}</p>
      )}
      {notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
      {tokenizer !== null && (
        <LazyDetails summary="Loss of a text" testId="score">
          <ScoreForm />
        </LazyDetails>
      )}
      <div className={styles.buttons}>
        {!busy && (
          <Button onClick={evaluateFile} disabled={blocked !== null} data-testid="evaluate-file">
            Evaluate
          </Button>
        )}
        <Button onClick={closeFile} disabled={busy} data-testid="close-file">
          Close
        </Button>
      </div>
    </Note>
  );
}
