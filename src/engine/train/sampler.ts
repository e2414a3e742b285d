import { rangeOf } from '../config/trainConfig.ts';
import { badValue, checkOptions, inWords, type OptionType } from '../core/checkOptions.ts';
import { EngineError } from '../core/errors.ts';
import { uniformAt } from '../core/rng.ts';
import type { Dataset } from '../data/dataset.ts';
import { GPT2_END_ID } from '../data/gpt2.ts';
import { endsText, type Tokenizer } from '../data/tokenizer.ts';

export interface SampleOptions {
  /** Text to continue. An empty prompt starts at the beginning of a line or document; see {@link startToken}. */
  readonly prompt: string;
  /** Tokens to generate. */
  readonly length: number;
  /** 0 always selects the most likely token. */
  readonly temperature: number;
  /** Samples only from the k most likely tokens; 0 for all. */
  readonly topK: number;
  readonly seed: number;
}

/** A token and the model's probability of it in [0, 1], before temperature and top-k. */
export interface TokenProbability {
  readonly text: string;
  readonly probability: number;
}

export interface SampledToken extends TokenProbability {
  /** The ten most likely tokens at its position, most likely first. */
  readonly top: readonly TokenProbability[];
}

export interface SampleWatch {
  /** Called for every sampled token. */
  readonly onToken?: (token: SampledToken) => void;
  /** Ends sampling after the current token. */
  readonly signal?: AbortSignal;
}

/** A model that predicts the next token. `Trainer` is one. */
export interface LanguageModel {
  readonly dataset: Dataset;
  /** Returns (V) logits of the token that follows `context`. */
  nextTokenLogits(context: readonly number[]): Promise<Float32Array>;
}

const TOP = 10;

/** Default number of samples of a run: one after each quarter of its steps. */
export const DEFAULT_SAMPLES = 4;

/** [option, name, smallest, largest, must be whole] */
const RANGES: readonly (readonly [keyof SampleOptions, string, number, number, boolean])[] = [
  // As long as the one that a run writes at its end.
  ['length', 'The length', 1, rangeOf('sampleLength').high, true],
  ['temperature', 'The temperature', 0, 10, false],
  ['topK', 'Top-k', 0, 65_536, true],
  ['seed', 'The seed', 0, 0xffffffff, true],
];

const TYPES = {
  prompt: 'string',
  length: 'number',
  temperature: 'number',
  topK: 'number',
  seed: 'number',
} as const satisfies Record<keyof SampleOptions, OptionType>;

const WATCH = { onToken: 'function?', signal: 'object?' } as const satisfies Record<
  keyof SampleWatch,
  OptionType
>;

/** @throws EngineError BAD_VALUE naming the option, its value and its range */
export function checkSample(options: SampleOptions): void {
  checkOptions('A sample', options, TYPES);
  for (const [option, name, low, high, whole] of RANGES) {
    const value = options[option] as number;
    if (value >= low && value <= high && (!whole || Number.isInteger(value))) continue;
    const kind = whole ? 'a whole number' : 'a number';
    throw new EngineError('BAD_VALUE', `${name} is ${value}.`, `It must be ${kind} from ${low} to ${high}.`);
  }
}

/** @throws EngineError BAD_VALUE for an empty context, and for values that are not tokens of the model */
export function checkTokens(context: readonly number[], vocabulary: number): void {
  const hint = `Give at least one token, a whole number from 0 to ${vocabulary - 1}: dataset.tokenizer.encode(text).`;
  if (!Array.isArray(context) && !ArrayBuffer.isView(context))
    throw badValue(`The context is ${inWords(context)}.`, hint);
  if (context.length === 0) throw badValue('The context has no token.', hint);
  const at = context.findIndex((token) => !(Number.isInteger(token) && token >= 0 && token < vocabulary));
  if (at >= 0) throw badValue(`The context has ${inWords(context[at])} at place ${at}.`, hint);
}

/** Steps after which a run of `steps` writes one of `count` evenly spread samples. The last one, at the end, is not listed. */
export function sampleSteps(steps: number, count: number): Set<number> {
  const after = new Set<number>();
  for (let i = 1; i < count; i++) after.add(Math.round((steps * i) / count));
  after.delete(0);
  after.delete(steps);
  return after;
}

/**
 * Continues `prompt` and returns only the generated text. One forward pass and one CPU-GPU sync for each token.
 * @throws EngineError BAD_VALUE as {@link checkSample}, BAD_TEXT naming the characters that are not in the vocabulary
 */
export async function sampleText(
  model: LanguageModel,
  options: SampleOptions,
  watch: SampleWatch = {},
): Promise<string> {
  checkSample(options);
  checkOptions('What watches a sample', watch, WATCH);
  const { onToken, signal } = watch;
  const { tokenizer } = model.dataset;
  const decode = tokenizer.decoder();
  const tokens = options.prompt === '' ? [startToken(model.dataset)] : [...tokenizer.encode(options.prompt)];
  const start = tokens.length;
  for (let i = 0; i < options.length && !signal?.aborted; i++) {
    const logits = await model.nextTokenLogits(tokens);
    const token = drawToken(logits, options.temperature, options.topK, uniformAt(i, options.seed));
    tokens.push(token);
    onToken?.({ ...tokenProbabilities(logits, token, tokenizer), text: decode(token) });
  }
  return tokenizer.decode(tokens.slice(start));
}

const LINE_BREAKS = ['\n', '\r'];
/** Number of tokens that are searched for a line break. A text with lines has one among them. */
const SEARCHED = 2 ** 20;

/**
 * Returns the token that an empty prompt starts with: `<|endoftext|>` if the training text has it, else a line break if
 * it is a single token of the text, else the first token of the text. A token that is not in the text was never trained.
 */
export function startToken({
  tokenizer,
  train,
  reading,
}: Pick<Dataset, 'tokenizer' | 'train' | 'reading'>): number {
  if (endsText(tokenizer.json) && reading.endMarks > 0) return GPT2_END_ID;
  const searched = train.subarray(0, SEARCHED);
  const known = tokenizer.json.kind === 'char' ? new Set(tokenizer.json.characters) : null;
  for (const lineBreak of LINE_BREAKS) {
    if (known && !known.has(lineBreak)) continue;
    const ids = tokenizer.encode(lineBreak);
    if (ids.length === 1 && searched.includes(ids[0]!)) return ids[0]!;
  }
  return train[0]!;
}

/** Returns the probabilities of the sampled token and of the most likely ones; 0 when the logits are not finite. */
export function tokenProbabilities(
  logits: Float32Array,
  drawn: number,
  tokenizer: Pick<Tokenizer, 'name'>,
): Omit<SampledToken, 'text'> {
  const likely = mostLikely(logits);
  const highest = logits[likely[0]!]!;
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - highest);
  const probability = (token: number): number => {
    const share = Math.exp(logits[token]! - highest) / total;
    return Number.isFinite(share) ? share : 0;
  };
  return {
    probability: probability(drawn),
    top: likely.map((token) => ({ text: tokenizer.name(token), probability: probability(token) })),
  };
}

/** Returns the tokens of the `TOP` largest logits in descending order. Of equal logits the lower id comes first. */
function mostLikely(logits: Float32Array): number[] {
  const best: number[] = [];
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!;
    if (best.length === TOP && !(logit > logits[best[TOP - 1]!]!)) continue;
    let place = best.length;
    while (place > 0 && logit > logits[best[place - 1]!]!) place -= 1;
    best.splice(place, 0, token);
    if (best.length > TOP) best.pop();
  }
  return best;
}

/**
 * Samples a token from softmax(logits / temperature) over the top k.
 * @param uniform random number in [0, 1)
 */
export function drawToken(logits: Float32Array, temperature: number, topK: number, uniform: number): number {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  if (temperature === 0) return order[0]!;
  const kept = topK > 0 ? order.slice(0, topK) : order;
  const highest = logits[kept[0]!]!;
  const weights = kept.map((token) => Math.exp((logits[token]! - highest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let remaining = uniform * total;
  for (const [i, weight] of weights.entries()) {
    remaining -= weight;
    if (remaining < 0) return kept[i]!;
  }
  return kept.at(-1)!;
}
