import { useState } from 'react';
import { type NumericsView, useNumerics } from '../../../store/numericsStore.ts';
import { useRun } from '../../../store/runStore.ts';
import { runLabel } from '../../messages.ts';
import { SelectField } from '../../ui/Field.tsx';
import { lazyPart } from '../../ui/lazyPart.tsx';
import { ErrorNote } from '../../ui/Note.tsx';
import { Panel } from '../../ui/Panel.tsx';
import type { Order } from './model.ts';
import { NumericsControls } from './NumericsControls.tsx';
import styles from './NumericsPanel.module.css';

const FrameView = lazyPart('histograms', () => import('./FrameView.tsx'));

/** Shows the distribution of the run's values, what its format loses, and what another loss scale would lose. */
export default function NumericsPanel() {
  const [view, setView] = useState<NumericsView>('gradients');
  const [chosenRun, setChosenRun] = useState<number | null>(null);
  /** The run that is shown beside the other. */
  const [chosenBeside, setChosenBeside] = useState<number | null>(null);
  const [order, setOrder] = useState<Order>('layer');
  const runs = useRun((state) => state.runs);
  const active = useRun((state) => state.active);
  const frames = useNumerics((state) => state.frames);
  const error = useNumerics((state) => state.error);
  const index = chosenRun !== null && frames.has(chosenRun) ? chosenRun : active;
  const beside = chosenBeside !== null && chosenBeside !== index ? chosenBeside : null;
  const ofRun = frames.get(index);
  // While a requested snapshot is in progress, the gradients stay.
  const shown = ofRun?.[view] ? view : 'gradients';
  const frame = ofRun?.[shown];
  const options = [...frames.keys()].flatMap((key) => {
    const run = runs[key];
    return run ? [{ key, title: `${runLabel(run)}, seed ${run.config.seed}` }] : [];
  });
  return (
    <Panel title="Numerics" aria-label="Numerics" data-testid="numerics">
      <p className={styles.lead}>
        The distribution of each tensor's values by power of two, and which of them the format loses.
      </p>
      <NumericsControls
        run={index}
        view={view}
        onView={setView}
        cost={frame?.cost ?? null}
        hasFrame={ofRun?.[view] !== undefined}
      />
      {error && <ErrorNote error={error} testId="numerics-error" />}
      {options.length > 1 && (
        <div className={styles.fields}>
          <SelectField
            label="Run"
            value={index}
            onChange={(event) => setChosenRun(Number(event.target.value))}
            data-testid="numerics-run"
          >
            {options.map(({ key, title }) => (
              <option key={key} value={key}>
                {title}
              </option>
            ))}
          </SelectField>
          <SelectField
            label="Beside it"
            value={beside ?? ''}
            onChange={({ target }) => setChosenBeside(target.value === '' ? null : Number(target.value))}
            data-testid="numerics-beside"
          >
            <option value="">no other run</option>
            {options
              .filter(({ key }) => key !== index)
              .map(({ key, title }) => (
                <option key={key} value={key}>
                  {title}
                </option>
              ))}
          </SelectField>
        </div>
      )}
      <div className={beside === null ? undefined : styles.beside}>
        {[index, beside].map((key) => {
          const run = key === null ? undefined : runs[key];
          const one = key === null ? undefined : frames.get(key)?.[shown];
          if (key === null || !run || !one) return null;
          return (
            <div key={key} className={styles.frame}>
              <FrameView
                mode={run.mode}
                config={run.config}
                index={key}
                view={shown}
                frame={one}
                order={order}
                onOrder={setOrder}
              />
            </div>
          );
        })}
      </div>
    </Panel>
  );
}
