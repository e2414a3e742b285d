/** What is recommended to a visitor who only has a text: tokenizer, size of the model, number of steps. Pure. */
import {
  PRESETS,
  type PresetName,
  type TokenizerChoice,
  type TrainConfig,
  tokensPerStep,
} from '../../engine/index.ts';

/** The sizes on offer, smallest first, and the presets that they are. */
export const SIZES = {
  tiny: 'smoke',
  small: 'starter',
  medium: 'small',
  large: 'nanogpt-char',
} as const satisfies Record<string, PresetName>;
export type Size = keyof typeof SIZES;
export const SIZE_NAMES = Object.keys(SIZES) as readonly Size[];

/** Parameters for each training token, at most: a larger model learns the text by heart before it learns the language. */
const MOST_PARAMETERS_PER_TOKEN = 2;
/** Share of a text that is trained on; the rest validates. */
const TRAINED = 0.9;
/** How often the text is read, at most: early stop ends the run before that if it does not help. */
const EPOCHS = { fresh: 10, fineTuned: 3 } as const;
/** Milliseconds that a recommended run takes, at most. */
const PATIENCE_MS = 10 * 60_000;
const LEAST_STEPS = 200;
const MOST_STEPS = 20_000;
/** Evaluations of a run. */
const EVALUATIONS = 20;

/** From this size on, a text has enough words to learn pieces of them. */
const BPE_BYTES = 4_000_000;
/** A text with more different characters than this is no alphabet. */
const MOST_CHARACTERS = 300;

export interface AdvisedTokenizer {
  readonly tokenizer: TokenizerChoice;
  readonly why: 'small' | 'large' | 'manyCharacters';
}

/** @param facts of the text read by characters */
export function adviseTokenizer({
  bytes,
  vocabulary,
}: {
  readonly bytes: number;
  readonly vocabulary: number;
}): AdvisedTokenizer {
  if (bytes >= BPE_BYTES) return { tokenizer: 'bpe:4096', why: 'large' };
  if (vocabulary > MOST_CHARACTERS) return { tokenizer: 'bpe:1024', why: 'manyCharacters' };
  return { tokenizer: 'char', why: 'small' };
}

export interface SizeInputs {
  /** Tokens of the whole text. */
  readonly tokens: number;
  /** Whether the adapter is a software renderer. */
  readonly isFallback: boolean;
  /** Parameters of each size with the text's vocabulary. */
  readonly parameters: Readonly<Record<Size, number>>;
  /** Milliseconds of a step, where it was measured here. */
  readonly msPerStep: Readonly<Partial<Record<Size, number>>>;
}

export interface AdvisedSize {
  readonly size: Size;
  /** Why it is no larger. */
  readonly why: 'text' | 'software' | 'speed' | 'largest';
  /** The next larger size; null for the largest. */
  readonly larger: Size | null;
}

/** The largest size that the text can teach, and that this device trains in ten minutes as far as is measured. */
export function adviseSize({ tokens, isFallback, parameters, msPerStep }: SizeInputs): AdvisedSize {
  if (isFallback) return { size: 'tiny', why: 'software', larger: 'small' };
  const fits = (size: Size) => parameters[size] <= MOST_PARAMETERS_PER_TOKEN * TRAINED * tokens;
  const byText = SIZE_NAMES.findLast(fits) ?? 'tiny';
  const isQuick = (size: Size) => (msPerStep[size] ?? 0) * LEAST_STEPS <= PATIENCE_MS;
  const size = SIZE_NAMES.slice(0, SIZE_NAMES.indexOf(byText) + 1).findLast(isQuick) ?? 'tiny';
  const larger = SIZE_NAMES[SIZE_NAMES.indexOf(size) + 1] ?? null;
  return { size, why: size !== byText ? 'speed' : larger === null ? 'largest' : 'text', larger };
}

type StepSize = Pick<TrainConfig, 'batch' | 'accumulation' | 'context'>;

/** How often a run reads the training part of a text. */
export function epochsOf(config: StepSize & Pick<TrainConfig, 'steps'>, tokens: number): number {
  return (config.steps * tokensPerStep(config)) / Math.max(1, TRAINED * tokens);
}

/**
 * Steps of a run: ten readings of the text, or three from a trained model, in ten minutes at most where the speed is known.
 * @param msPerStep null while it is not measured
 */
export function adviseSteps(
  config: StepSize,
  tokens: number,
  msPerStep: number | null,
  isFineTuned: boolean,
): number {
  const epochs = isFineTuned ? EPOCHS.fineTuned : EPOCHS.fresh;
  const byText = Math.ceil((epochs * TRAINED * tokens) / tokensPerStep(config));
  const byTime = msPerStep === null ? MOST_STEPS : Math.floor(PATIENCE_MS / msPerStep);
  return rounded(Math.max(LEAST_STEPS, Math.min(byText, byTime, MOST_STEPS)));
}

export function evaluationInterval(steps: number): number {
  return Math.max(1, Math.round(steps / EVALUATIONS));
}

/** Milliseconds of a run with its evaluations, which take about a third of a step for each batch. */
export function runMs(
  { steps, evalEvery, evalBatches, accumulation }: TrainConfig,
  msPerStep: number,
): number {
  const evaluations = evalEvery > 0 ? Math.ceil(steps / evalEvery) : 1;
  return msPerStep * (steps + (evaluations * evalBatches) / (3 * accumulation));
}

/** To two digits, so that the number looks like the estimate that it is. */
function rounded(steps: number): number {
  return Number(steps.toPrecision(2));
}

export function configOfSize(size: Size): TrainConfig {
  return PRESETS[SIZES[size]].config;
}
