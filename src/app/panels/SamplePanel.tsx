import { useState } from 'react';
import type { SampleText } from '../../session/protocol.ts';
import { sample } from '../../store/actions.ts';
import { useRun } from '../../store/runStore.ts';
import { runColor } from '../charts/series.ts';
import { formatCount } from '../format.ts';
import { runLabel } from '../messages.ts';
import { Button } from '../ui/Button.tsx';
import { TextField } from '../ui/Field.tsx';
import { ErrorNote } from '../ui/Note.tsx';
import styles from './SamplePanel.module.css';

/** For runs that were told to end without a sample. */
const SAMPLE_LENGTH = 200;

/** What the model writes: by itself at the end, and on request while it is paused or done. */
export function SamplePanel() {
  const runs = useRun((state) => state.runs);
  const error = useRun((state) => state.sampleError);
  const over = useRun((state) => state.status === 'failed' || state.status === 'lost');
  if (over ? !runs.some((run) => run.sample) : !runs.some((run) => run.latest)) return null;
  return (
    <section className={styles.panel} data-testid="sample-panel">
      <h2>What it writes</h2>
      <div className={styles.samples}>
        {runs.map(
          (run, index) =>
            run.sample && (
              <figure key={run.config.precision} className={styles.sample}>
                <figcaption>
                  <span className={styles.swatch} style={{ background: runColor(index) }} />
                  {runLabel(run)}, after step {formatCount(run.sample.step)}
                </figcaption>
                <SampleBody sample={run.sample} precision={run.config.precision} />
              </figure>
            ),
        )}
      </div>
      {error && <ErrorNote error={error} testId="sample-error" />}
      {!over && <SampleRequestForm />}
    </section>
  );
}

/** Generated text is only ever text: React escapes it, and nothing here takes HTML. */
function SampleBody({ sample: { prompt, text }, precision }: { sample: SampleText; precision: string }) {
  const begun = prompt.trim() !== '';
  return (
    <pre className={styles.text} data-testid={`sample-${precision}`}>
      {begun && <mark>{prompt}</mark>}
      {begun ? text : text.trimStart()}
    </pre>
  );
}

function SampleRequestForm() {
  const status = useRun((state) => state.status);
  const sampling = useRun((state) => state.sampling);
  const active = useRun((state) => state.runs[state.active]);
  const several = useRun((state) => state.runs.length > 1);
  const [prompt, setPrompt] = useState('');
  const [drawn, setDrawn] = useState(0);
  const ready = (status === 'paused' || status === 'done') && active !== undefined;
  const write = () => {
    if (!active) return;
    // Another seed each time, or the button would seem to do nothing.
    setDrawn(drawn + 1);
    const seed = (active.config.seed + drawn + 1) >>> 0;
    sample({ prompt, length: active.config.sampleLength || SAMPLE_LENGTH, temperature: 0.8, topK: 40, seed });
  };
  return (
    <form
      className={styles.request}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready && !sampling) write();
      }}
    >
      <TextField
        label="Begin with"
        placeholder="nothing"
        value={prompt}
        disabled={!ready}
        onChange={(event) => setPrompt(event.target.value)}
        data-testid="sample-prompt"
      />
      <Button type="submit" disabled={!ready || sampling} data-testid="sample">
        {sampling ? 'Writing…' : several && active ? `Write more with ${runLabel(active)}` : 'Write more'}
      </Button>
      {!ready && <p className={styles.hint}>Pause the training to have it write, or wait for the end.</p>}
    </form>
  );
}
