import { useState } from 'react';
import { type NumericsView, useNumerics } from '../../../store/numericsStore.ts';
import { useRun } from '../../../store/runStore.ts';
import { runLabel } from '../../messages.ts';
import { SelectField } from '../../ui/Field.tsx';
import { lazyPart } from '../../ui/lazyPart.tsx';
import { ErrorNote } from '../../ui/Note.tsx';
import { NumericsControls } from './NumericsControls.tsx';
import styles from './NumericsPanel.module.css';

const FrameView = lazyPart('histograms', () => import('./FrameView.tsx'));

/** Shows the distribution of the run's values, what its format loses, and what another loss scale would lose. */
export default function NumericsPanel() {
  const [view, setView] = useState<NumericsView>('gradients');
  const [chosenRun, setChosenRun] = useState<number | null>(null);
  const runs = useRun((state) => state.runs);
  const active = useRun((state) => state.active);
  const frames = useNumerics((state) => state.frames);
  const error = useNumerics((state) => state.error);
  const index = chosenRun !== null && frames.has(chosenRun) ? chosenRun : active;
  const run = runs[index];
  const ofRun = frames.get(index);
  // While a requested snapshot is in progress, the gradients stay.
  const shown = ofRun?.[view] ? view : 'gradients';
  const frame = ofRun?.[shown];
  return (
    <section className={styles.panel} aria-labelledby="numerics-title" data-testid="numerics">
      <h2 id="numerics-title">Numerics</h2>
      <p className={styles.lead}>
        The distribution of each tensor's values by power of two, and which of them the format loses.
      </p>
      <NumericsControls
        view={view}
        onView={setView}
        cost={frame?.cost ?? null}
        hasFrame={ofRun?.[view] !== undefined}
      />
      {error && <ErrorNote error={error} testId="numerics-error" />}
      {frames.size > 1 && (
        <SelectField
          label="Run"
          value={index}
          onChange={(event) => setChosenRun(Number(event.target.value))}
          data-testid="numerics-run"
        >
          {[...frames.keys()].map(
            (key) =>
              runs[key] && (
                <option key={key} value={key}>
                  {`${runLabel(runs[key])}, seed ${runs[key].config.seed}`}
                </option>
              ),
          )}
        </SelectField>
      )}
      {frame && run && <FrameView key={index} run={run} index={index} view={shown} frame={frame} />}
    </section>
  );
}
