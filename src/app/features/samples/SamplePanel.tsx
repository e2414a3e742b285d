import { memo, useState } from 'react';
import { comparedModes } from '../../../engine/index.ts';
import type { SampledToken, SampleHeading } from '../../../session/protocol.ts';
import { isModelOnGpu, useRun } from '../../../store/runStore.ts';
import { formatTokensPerSecond } from '../../format.ts';
import { runLabel } from '../../messages.ts';
import { Button } from '../../ui/Button.tsx';
import { ErrorNote } from '../../ui/Note.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Swatch } from '../../ui/Swatch.tsx';
import { SampleForm } from './SampleForm.tsx';
import styles from './SamplePanel.module.css';
import { sampleCaption } from './sampleMessages.ts';
import { TokenProbabilities, TokenText } from './TokenText.tsx';

/** The samples that the model writes: during the run, at its end, and on request while it is paused or done. */
export default function SamplePanel() {
  const runs = useRun((state) => state.runs);
  const error = useRun((state) => state.sampleError);
  const writing = useRun((state) => state.writing);
  const several = runs.some(({ config }) => config.seed !== runs[0]?.config.seed);
  const modes = comparedModes(runs);
  const over = useRun(
    (state) => (state.status === 'failed' || state.status === 'lost') && !isModelOnGpu(state),
  );
  // A model that was only evaluated has no step, and can be sampled too.
  const shown = runs.some((run) => (over ? run.samples.length > 0 : run.latest || run.summary));
  if (!shown) return null;
  return (
    <Panel title="Samples" data-testid="sample-panel">
      <div className={styles.runs}>
        {modes.map((mode, place) => {
          // With several seeds, the last run that has written a sample.
          const index = runs.findLastIndex(
            (one, i) => one.mode === mode && (one.samples.length > 0 || writing?.run === i),
          );
          const run = runs[index];
          if (!run) return null;
          const growing = writing?.run === index ? writing : null;
          return (
            <div key={mode} className={styles.run}>
              <h3>
                <Swatch place={place} />
                <span translate="no">{`${runLabel(run)}${several ? `, seed ${run.config.seed}` : ''}`}</span>
              </h3>
              {growing && <Sample heading={growing} tokens={growing.tokens} testId="writing" growing />}
              {run.samples
                .map((sample, i) => (
                  <Sample
                    // biome-ignore lint/suspicious/noArrayIndexKey: the list only grows
                    key={i}
                    heading={sample}
                    tokens={sample.tokens}
                    rate={sample.tokensPerSec}
                    testId={`sample-${mode}${i === run.samples.length - 1 ? '' : `-${i + 1}`}`}
                  />
                ))
                .reverse()}
            </div>
          );
        })}
      </div>
      {error && <ErrorNote error={error} testId="sample-error" />}
      {!over && <SampleForm />}
    </Panel>
  );
}

interface SampleProps {
  heading: SampleHeading;
  tokens: readonly SampledToken[];
  /** Tokens a second; null while it is not known. */
  rate?: number | null;
  testId: string;
  growing?: boolean;
}

/** Not rendered again at every step: only the sample that is being written changes. */
const Sample = memo(function Sample({ heading, tokens, rate = null, testId, growing = false }: SampleProps) {
  const [at, setAt] = useState<number | null>(null);
  return (
    <figure className={styles.sample} data-kind={heading.kind}>
      <figcaption>
        <span>{sampleCaption(heading)}</span>
        {rate !== null && <span data-testid="sample-rate">{`${formatTokensPerSecond(rate)} tokens/s`}</span>}
        {growing ? (
          <span>writing…</span>
        ) : (
          <Button
            className={styles.inspect}
            aria-expanded={at !== null}
            onClick={() => setAt(at === null ? 0 : null)}
          >
            Probabilities
          </Button>
        )}
      </figcaption>
      <TokenText prompt={heading.prompt} tokens={tokens} at={at} onPoint={setAt} testId={testId} />
      {at !== null && <TokenProbabilities tokens={tokens} at={at} onPoint={setAt} />}
    </figure>
  );
});
