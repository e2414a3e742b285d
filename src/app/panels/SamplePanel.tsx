import { useState } from 'react';
import type { SampleText } from '../../session/protocol.ts';
import { sample } from '../../store/actions.ts';
import { comparedModes } from '../../store/comparison.ts';
import { type RunState, type RunView, useRun } from '../../store/runStore.ts';
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
  const several = runs.some(({ config }) => config.seed !== runs[0]?.config.seed);
  const over = useRun((state) => state.status === 'failed' || state.status === 'lost');
  if (over ? !runs.some((run) => run.sample) : !runs.some((run) => run.latest)) return null;
  return (
    <section className={styles.panel} data-testid="sample-panel">
      <h2>What it writes</h2>
      <div className={styles.samples}>
        {newestByMode(runs).map(({ run, sample: newest, place }) => (
          <figure key={run.config.precision} className={styles.sample}>
            <figcaption>
              <span className={styles.swatch} style={{ background: runColor(place) }} />
              {runLabel(run)}, after step {formatCount(newest.step)}
              {several && `, seed ${run.config.seed}`}
            </figcaption>
            <SampleBody sample={newest} precision={run.config.precision} />
          </figure>
        ))}
      </div>
      {error && <ErrorNote error={error} testId="sample-error" />}
      {!over && <SampleRequestForm />}
    </section>
  );
}

/** A sample a mode, side by side: of its last run that has one. */
function newestByMode(runs: readonly RunView[]) {
  const modes = comparedModes(runs.map(({ config }) => config));
  return modes.flatMap((mode, place) => {
    const run = runs.findLast(({ config, sample: text }) => config.precision === mode && text);
    return run?.sample ? [{ run, sample: run.sample, place }] : [];
  });
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
  const label = useRun(writeLabel);
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
        {sampling ? 'Writing…' : label}
      </Button>
      {!ready && <p className={styles.hint}>Pause the training to have it write, or wait for the end.</p>}
    </form>
  );
}

/** In lockstep all modes are still on the GPU; one after the other, only the last. */
function writeLabel({ runs, active, schedule }: RunState): string {
  const run = runs[active];
  if (!run || runs.length === 1) return 'Write more';
  return `Write more with ${schedule === 'lockstep' ? 'each mode' : runLabel(run)}`;
}
