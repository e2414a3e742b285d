import { useEffect, useState } from 'react';
import type { RecordingFacts } from '../../store/recording.ts';
import { showRecording } from '../../store/story/replay.ts';
import ResultsPanel from '../features/run/ResultsPanel.tsx';
import { formatCount } from '../format.ts';
import { lazyPart } from '../ui/lazyPart.tsx';
import styles from './UnsupportedScreen.module.css';

const Charts = lazyPart('charts', () => import('../charts/Charts.tsx'), <p>Loading the charts…</p>);

/** Shows what training would look like: a real run, recorded elsewhere. */
export function RecordedRun() {
  const [recording, setRecording] = useState<RecordingFacts | 'loading' | 'missing'>('loading');
  useEffect(() => {
    showRecording().then(setRecording, () => setRecording('missing'));
  }, []);
  if (recording === 'missing') return null;
  return (
    <section className={styles.recorded} data-testid="recorded-run">
      <h2>A recorded run: the same model in three precisions</h2>
      {recording === 'loading' ? (
        <p>Loading…</p>
      ) : (
        <>
          <Charts />
          <p>{`FP32, mixed f16 and f16 without scaling, from the same start and on the same batches: preset ${recording.preset}, ${formatCount(recording.steps)} steps, trained on ${recording.date} on ${recording.adapter}. Speeds are those of that machine; nothing is being trained here.`}</p>
          <ResultsPanel />
        </>
      )}
    </section>
  );
}
