/** What training on a text would be: pure, from the text's figures and what was measured. */
import type { TrainConfig } from '../../engine/index.ts';
import type { TextFacts } from '../../session/protocol.ts';
import { plannedParameters, plannedVocabulary } from '../plan.ts';
import { DEFAULT_SETTINGS, firstConfig, type InitialShape, type Settings } from '../settings.ts';
import {
  type AdvisedSize,
  adviseSize,
  adviseSteps,
  configOfSize,
  epochsOf,
  evaluationInterval,
  runMs,
  SIZE_NAMES,
  SIZES,
  type Size,
} from './advice.ts';
import type { StepTime } from './stepTimes.ts';

/** Evaluations in a row without a better one that end a run. */
const EARLY_STOP = 5;
/** A model that was trained before moves less. */
const FINE_TUNING = { lr: 1e-4, 'min-lr': 1e-5 } as const;
/** From this width on a model's batches are small. */
const WIDE = 512;

export interface MyTextPlan {
  readonly size: Size;
  /** Null for a model of the visitor's, which has its own size. */
  readonly advice: AdvisedSize | null;
  /** What the Lab shows too. */
  readonly settings: Settings;
  readonly config: TrainConfig;
  readonly vocabulary: number;
  readonly parameters: number;
  readonly epochs: number;
  /** Null before it is asked for. */
  readonly time: StepTime | null;
  /** Of the whole run with its evaluations; null while the step is not measured. */
  readonly milliseconds: number | null;
}

interface Inputs {
  readonly settings: Settings;
  readonly facts: TextFacts;
  readonly chosen: Size | null;
  readonly isFallback: boolean;
  readonly times: Readonly<Record<string, StepTime>>;
}

/** What decides how long a step takes. */
export function keyOf(init: InitialShape | null, size: Size, vocabulary: number): string {
  return `${init ? `model ${init.id}` : size} ${vocabulary}`;
}

/** The settings of a size, with its steps where they are known. A model of the visitor's keeps its shape. */
export function settingsFor(init: InitialShape | null, size: Size, steps: number | null): Settings {
  return {
    ...DEFAULT_SETTINGS,
    init,
    text: 'own',
    preset: init ? (init.width >= WIDE ? 'gpt2' : 'small') : SIZES[size],
    ...(init && FINE_TUNING),
    ...(steps !== null && { steps, 'eval-every': evaluationInterval(steps) }),
    'keep-best': '1',
    'early-stop': EARLY_STOP,
  };
}

/** @returns null while plans cannot be made */
export function planMyText({ settings, facts, chosen, isFallback, times }: Inputs): MyTextPlan | null {
  const { init, tokenizer } = settings;
  const vocabulary = plannedVocabulary({ settings, ownText: { state: 'ready', facts } });
  const measuredAt = (size: Size): number | null => {
    const time = times[keyOf(init, size, vocabulary)];
    return time?.state === 'measured' ? time.result.msPerStep : null;
  };
  const parameters = SIZE_NAMES.map((size) => [size, plannedParameters(configOfSize(size), vocabulary)]);
  if (parameters.some(([, count]) => count === null)) return null;
  const advice = init
    ? null
    : adviseSize({
        tokens: facts.tokens,
        isFallback,
        parameters: Object.fromEntries(parameters),
        msPerStep: Object.fromEntries(
          SIZE_NAMES.flatMap((size) => {
            const ms = measuredAt(size);
            return ms === null ? [] : [[size, ms]];
          }),
        ),
      });
  const size = chosen ?? advice?.size ?? 'tiny';
  const msPerStep = measuredAt(size);
  const shape = firstConfig({ ...settingsFor(init, size, null), tokenizer });
  const steps = adviseSteps(shape, facts.tokens, msPerStep, init !== null);
  const planned = { ...settingsFor(init, size, steps), tokenizer };
  const config = firstConfig(planned);
  return {
    size,
    advice,
    settings: planned,
    config,
    vocabulary,
    parameters: plannedParameters(config, vocabulary)!,
    epochs: epochsOf(config, facts.tokens),
    time: times[keyOf(init, size, vocabulary)] ?? null,
    milliseconds: msPerStep === null ? null : runMs(config, msPerStep),
  };
}

/** How often a run has read the training part of its text by now. */
export function epochsIn(config: TrainConfig, steps: number, tokens: number): number {
  return epochsOf({ ...config, steps }, tokens);
}
