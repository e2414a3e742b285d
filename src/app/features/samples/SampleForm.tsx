import { type ComponentProps, memo, useId, useState } from 'react';
import { checkSample, keptWeights, type SampleOptions, type WeightsOfRun } from '../../../engine/index.ts';
import { sample, stopSample } from '../../../store/actions.ts';
import { isModelOnGpu, useRun } from '../../../store/runStore.ts';
import { problemOf } from '../../../store/settings.ts';
import { readNumber, typedProblem } from '../../../store/typedNumber.ts';
import { runLabel } from '../../messages.ts';
import { Button } from '../../ui/Button.tsx';
import { TextField } from '../../ui/Field.tsx';
import { RunField, useChosenRun } from './RunField.tsx';
import styles from './SamplePanel.module.css';
import { WeightsField } from './WeightsField.tsx';

/** Length for runs that were set to end without a sample. */
const SAMPLE_LENGTH = 200;

type NumberOption = Exclude<keyof SampleOptions, 'prompt' | 'stop'>;

const LABELS: Readonly<Record<NumberOption, string>> = {
  temperature: 'Temperature',
  topK: 'Top-k',
  topP: 'Top-p',
  repetitionPenalty: 'Repetition penalty',
  length: 'Tokens',
  seed: 'Seed',
};
const TEST_IDS: Readonly<Record<NumberOption, string>> = {
  temperature: 'sample-temperature',
  topK: 'sample-topk',
  topP: 'sample-topp',
  repetitionPenalty: 'sample-penalty',
  length: 'sample-length',
  seed: 'sample-seed',
};
const OPTIONS = Object.keys(LABELS) as NumberOption[];

/** Requests a sample from the model. Empty fields use the value of their placeholder. It is not rendered at every step. */
export const SampleForm = memo(function SampleForm() {
  const stands = useRun(isModelOnGpu);
  const sampling = useRun((state) => state.sampling);
  const [chosen, setChosen] = useState<number | null>(null);
  const run = useChosenRun(chosen);
  const config = useRun(({ runs }) => runs[run]?.config);
  const label = useRun(({ runs }) => runs[run] && runLabel(runs[run]));
  // In lockstep all models are on the GPU, and each writes a sample.
  const one = useRun((state) => state.runs.length > 1 && state.schedule === 'sequential');
  const [prompt, setPrompt] = useState('');
  const [typed, setTyped] = useState<Partial<Record<NumberOption, string>>>({});
  const [drawn, setDrawn] = useState(0);
  const [weights, setWeights] = useState<WeightsOfRun>('master');
  const ready = stands && config !== undefined;
  const copies = config === undefined ? [] : keptWeights(config);
  const defaults: Record<NumberOption, number> = {
    temperature: 0.8,
    topK: 40,
    topP: 1,
    repetitionPenalty: 1,
    length: config?.sampleLength || SAMPLE_LENGTH,
    // A new seed each time, otherwise the button would seem to do nothing.
    seed: ((config?.seed ?? 0) + drawn + 1) >>> 0,
  };
  const numberOf = (option: NumberOption): number | null => {
    const text = typed[option]?.trim() ?? '';
    return text === '' ? defaults[option] : readNumber(text);
  };
  const errorOf = (option: NumberOption): string | null => {
    const value = numberOf(option);
    if (value === null) return typedProblem(typed[option] ?? '');
    return problemOf(() => checkSample({ ...defaults, prompt: '', [option]: value }))?.hint ?? null;
  };
  const valid = OPTIONS.every((option) => errorOf(option) === null);
  const write = () => {
    const numbers = Object.fromEntries(OPTIONS.map((option) => [option, numberOf(option)]));
    setDrawn(drawn + 1);
    sample(
      { ...defaults, ...numbers, prompt, ...(copies.some((kept) => kept === weights) && { weights }) },
      one ? run : undefined,
    );
  };
  return (
    <form
      className={styles.request}
      onSubmit={(event) => {
        event.preventDefault();
        if (ready && valid && !sampling) write();
      }}
    >
      <PromptField
        value={prompt}
        disabled={!ready}
        onChange={(event) => setPrompt(event.target.value)}
        data-testid="sample-prompt"
      />
      {one && <RunField value={run} onChoose={setChosen} testId="sample-run" />}
      {config && copies.length > 0 && (
        <WeightsField
          config={config}
          value={weights}
          disabled={!ready}
          onChoose={setWeights}
          testId="sample-weights"
        />
      )}
      <div className={styles.numbers}>
        {OPTIONS.map((option) => (
          <TextField
            key={option}
            label={LABELS[option]}
            inputMode="decimal"
            placeholder={String(defaults[option])}
            value={typed[option] ?? ''}
            disabled={!ready}
            error={errorOf(option)}
            onChange={(event) => setTyped({ ...typed, [option]: event.target.value })}
            data-testid={TEST_IDS[option]}
          />
        ))}
      </div>
      <div className={styles.buttons}>
        <Button type="submit" disabled={!ready || !valid || sampling} data-testid="sample">
          {sampling ? 'Generating…' : one && label ? `Generate with ${label}` : 'Generate'}
        </Button>
        <Button disabled={!sampling} onClick={stopSample} data-testid="sample-stop">
          Stop
        </Button>
      </div>
      {!ready && (
        <p className={styles.hint}>Pause the training to generate a sample, or wait until it ends.</p>
      )}
    </form>
  );
});

function PromptField(props: ComponentProps<'textarea'>) {
  const id = useId();
  return (
    <div className={styles.prompt}>
      <label htmlFor={id}>Prompt</label>
      <textarea id={id} rows={2} placeholder="empty: starts on a new line" {...props} />
    </div>
  );
}
