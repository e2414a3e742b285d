import { lowestWeights, type RunSummary, tokensPerStep } from '../../engine/index.ts';
import { exportedClass, exportObstacle } from '../../store/exportObstacle.ts';
import { exportRun } from '../../store/fileActions.ts';
import { useFiles } from '../../store/files.ts';
import { epochsIn } from '../../store/myText/myText.ts';
import { type RunView, useRun } from '../../store/runStore.ts';
import { formatCompact, formatCount, formatLoss, formatTokensPerSecond } from '../format.ts';
import { Button } from '../ui/Button.tsx';
import { CopyButton } from '../ui/CopyButton.tsx';
import { ErrorNote } from '../ui/Note.tsx';
import { Panel } from '../ui/Panel.tsx';
import styles from './MyTextScreen.module.css';
import { endLine, epochsText, snippet } from './messages.ts';

/** What came out: measured figures, the files to take along, and the program that opens them. */
export default function ModelCard({ run, summary }: { run: RunView; summary: RunSummary }) {
  const adapter = useRun((state) => state.adapter?.name ?? summary.adapter);
  const exporting = useFiles((state) => state.exporting);
  const error = useFiles((state) => state.exportError);
  const { config, facts } = run;
  const weights = lowestWeights(summary);
  const loss = weights === 'best' ? summary.best!.valLoss : summary.valLoss;
  const noModel = exportObstacle('model', config);
  const noGguf = exportObstacle('model', config, 'gguf-q8_0');
  const folder = `halfstep-${config.precision}-step-${summary.steps}-model-f32`;
  const figures: readonly (readonly [string, string])[] = [
    ['Text', facts ? facts.text.name : ''],
    ['Parameters', formatCompact(summary.params)],
    [
      'Trained on',
      `${facts ? `${epochsText(epochsIn(config, summary.steps, facts.text.tokens))}, ` : ''}${formatCount(summary.steps * tokensPerStep(config))} tokens`,
    ],
    ['Weights', weights === 'best' ? `best checkpoint, step ${formatCount(summary.best!.step)}` : 'the last'],
    ['Validation loss', loss === null ? 'not finite' : `${formatLoss(loss)} nats per token`],
    ['Perplexity', loss === null ? 'not finite' : Math.exp(loss).toPrecision(3)],
    [
      'Speed',
      summary.tokensPerSec === null
        ? 'too few steps to measure'
        : `${formatTokensPerSecond(summary.tokensPerSec)} tokens/s`,
    ],
    ['Device', adapter],
  ];
  return (
    <Panel title="4. Your model" data-testid="my-text-model">
      <p data-testid="my-text-end">{endLine(summary, config.steps, config.earlyStop)}</p>
      <dl className={styles.figures} data-testid="my-text-figures">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd translate="no">{value}</dd>
          </div>
        ))}
      </dl>
      <div className={styles.buttons}>
        <Button
          kind="primary"
          disabled={exporting || noModel !== null}
          onClick={() => exportRun({ run: 0 }, 'model', 'F32', weights)}
          data-testid="my-text-export"
        >
          Download the model
        </Button>
        <Button
          disabled={exporting || noGguf !== null}
          onClick={() => exportRun({ run: 0 }, 'model', 'gguf-q8_0', weights)}
          data-testid="my-text-gguf"
        >
          For llama.cpp
        </Button>
        <Button disabled={exporting} onClick={() => exportRun({ run: 0 }, 'run')} data-testid="my-text-keep">
          Keep the run as a file
        </Button>
      </div>
      <p role="status">{exporting && 'Writing the file…'}</p>
      {noModel !== null && <p>{noModel}</p>}
      {error && <ErrorNote error={error} testId="my-text-export-error" />}
      {noModel === null && (
        <>
          <p>
            {`The archive has the weights, the tokenizer and a model card with these figures, for Hugging Face's libraries (${exportedClass(config)}):`}
          </p>
          <pre className={styles.code} translate="no">
            {snippet(folder)}
          </pre>
          <div className={styles.buttons}>
            <CopyButton label="Copy the program" text={() => snippet(folder)} testId="my-text-snippet" />
          </div>
        </>
      )}
    </Panel>
  );
}
