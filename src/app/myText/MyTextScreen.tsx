import { useEffect } from 'react';
import { isModel } from '../../engine/index.ts';
import { openFiles } from '../../store/fileActions.ts';
import { setUp, takeMyText, takeMyTextFrom, takeTextOfLab, useMyText } from '../../store/myText/myText.ts';
import { useStepTimes } from '../../store/myText/stepTimes.ts';
import { isBusy, useRun } from '../../store/runStore.ts';
import { useSettings } from '../../store/settingsStore.ts';
import FileNote from '../features/files/FileNote.tsx';
import FilePicker from '../features/files/FilePicker.tsx';
import OwnText from '../features/text/OwnText.tsx';
import { useFileDrop } from '../hooks/useFileDrop.ts';
import { Button } from '../ui/Button.tsx';
import { DropHint } from '../ui/DropHint.tsx';
import { LazyDetails } from '../ui/LazyDetails.tsx';
import { Panel } from '../ui/Panel.tsx';
import styles from './MyTextScreen.module.css';
import { PlanPanel } from './PlanPanel.tsx';
import { TrainingBoard } from './TrainingBoard.tsx';

/** For a maker who has a text and knows nothing of number formats: choose it, read what will happen, train, take the model. */
export default function MyTextScreen() {
  const fileOver = useFileDrop(takeDropped, canChange);
  useSetUp();
  return (
    <>
      <div className={styles.intro}>
        <h1>Train a language model on your own text</h1>
        <p>
          Choose a text: a book, your notes, your code. A small model learns to write like it, on this device.
          Nothing is sent anywhere.
        </p>
      </div>
      <div className={styles.steps}>
        <Choice />
        <FileNote />
        <PlanPanel />
        <TrainingBoard />
      </div>
      {fileOver && (
        <DropHint text="Drop a text to train on, or a model to start from. It stays on this device." />
      )}
    </>
  );
}

/** Sets everything up whenever the text, the model or a measured time has changed. */
function useSetUp(): void {
  const ownText = useSettings((state) => state.ownText);
  const init = useSettings(({ settings }) => settings.init);
  const times = useStepTimes((state) => state.times);
  const adapter = useRun((state) => state.adapter);
  const busy = useRun(isBusy);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it reads the stores, of which these are the parts that matter
  useEffect(setUp, [ownText, init, times, adapter, busy]);
}

function Choice() {
  const busy = useRun(isBusy);
  const active = useMyText((state) => state.active);
  const name = useSettings(({ ownText }) => (ownText.state === 'ready' ? ownText.facts.name : null));
  return (
    <Panel title="1. Your text" data-testid="my-text-choice">
      <fieldset disabled={busy} className={styles.plain} aria-label="Your text">
        <OwnText onFile={takeMyText} onAddress={takeMyTextFrom} />
        {!active && name !== null && (
          <Button onClick={takeTextOfLab} data-testid="my-text-of-lab">
            {`Train on “${name}”`}
          </Button>
        )}
      </fieldset>
      <LazyDetails summary="Start from a model that you have, instead of a new one" testId="my-model">
        <FilePicker />
      </LazyDetails>
    </Panel>
  );
}

function takeDropped(file: File, all: readonly File[]): void {
  if (isModel(all)) openFiles(all);
  else takeMyText(file);
}

function canChange(): boolean {
  return !isBusy(useRun.getState());
}
