/** A lazy chunk, because few visitors run sweeps. */
import { useEffect } from 'react';
import { isBusy, useRun } from '../../../store/runStore.ts';
import { loadSweeps, useSweeps } from '../../../store/sweep/sweepStore.ts';
import { statusLine } from '../../messages.ts';
import { Note } from '../../ui/Note.tsx';
import screen from '../../ui/Screen.module.css';
import { SweepFormPanel } from './SweepForm.tsx';
import { SweepPanel } from './SweepPanel.tsx';
import styles from './SweepScreen.module.css';

export default function SweepScreen() {
  const loaded = useSweeps((state) => state.loaded);
  const empty = useSweeps((state) => state.sweeps.length === 0);
  useEffect(() => {
    void loadSweeps();
  }, []);
  return (
    <div className={screen.screen} data-testid="sweep-screen">
      <h1>Sweep</h1>
      <p className={styles.intro}>
        Trains every mode at every learning rate from every seed, one run after the other, to show which
        formats still learn where others diverge. Every finished cell is stored in this browser immediately.
      </p>
      <Problems />
      <OtherTraining />
      <SweepFormPanel />
      {!empty && <SweepPanel />}
      {empty && (
        <p className={styles.muted} data-testid="no-sweeps">
          {loaded ? 'No sweeps yet.' : 'Loading the sweeps of this browser…'}
        </p>
      )}
    </div>
  );
}

function Problems() {
  const problem = useSweeps((state) => state.problem);
  const unreadable = useSweeps((state) => state.unreadable);
  return (
    <>
      {problem && (
        <Note kind="caution" testId="sweep-storage-problem">
          <p>{`${problem.message} ${problem.hint}`}</p>
        </Note>
      )}
      {unreadable > 0 && (
        <Note kind="caution">
          <p>
            {`${unreadable} stored ${unreadable === 1 ? 'entry' : 'entries'} of sweeps cannot be read by this version of the page and ${unreadable === 1 ? 'is' : 'are'} kept unchanged.`}
          </p>
        </Note>
      )}
    </>
  );
}

/** Shown when the GPU is used by a training that is not a sweep. */
function OtherTraining() {
  const busy = useRun((state) => isBusy(state) && state.purpose !== 'sweep');
  const line = useRun(statusLine);
  if (!busy) return null;
  return (
    <p className={styles.muted} data-testid="sweep-waits">
      <span>{`The GPU is busy with a training: ${line}. `}</span>
      <a href="#train">Show it</a>
    </p>
  );
}
