import { rangeOf } from '../config/trainConfig.ts';
import { badValue, checkOptions, inWords, type OptionType } from '../core/checkOptions.ts';
import { EngineError } from '../core/errors.ts';
import { uniformAt } from '../core/rng.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { DEFAULT_FILTER, drawToken, type TokenFilter } from './drawToken.ts';

export interface SampleOptions {
  /** Text to continue. An empty prompt starts at the beginning of a line or document; see {@link startToken}. */
  readonly prompt: string;
  /** Tokens to generate. */
  readonly length: number;
  /** 0 always selects the most likely token. */
  readonly temperature: number;
  /** Samples only from the k most likely tokens; 0 for all. */
  readonly topK: number;
  /** Samples only from the fewest most likely tokens whose probabilities add up to this share, after temperature and top-k; 1 (the default) for all. */
  readonly topP?: number | undefined;
  /**
   * Logits of tokens that occur in the prompt or the text so far are divided by it where they are positive, and multiplied
   * where they are negative; 1 (the default) leaves them.
   */
  readonly repetitionPenalty?: number | undefined;
  readonly seed: number;
  /** Tokens that end the text and are not part of it. By default those with which the tokenizer ends a text; [] for none. */
  readonly stop?: readonly number[] | undefined;
}

/** A generated text. */
export interface Generated {
  /** The new tokens, without one that ended the text. */
  readonly ids: readonly number[];
  readonly text: string;
  /** New tokens a second after the first, which waits for the prompt; null where there is no second one. */
  readonly tokensPerSec: number | null;
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

/** A model that predicts the next token. */
export interface LanguageModel {
  readonly tokenizer: Tokenizer;
  /** The token that an empty prompt starts with, where its tokenizer puts none before a text. */
  startToken(): number;
  /** Returns (V) logits of the token that follows `context`. */
  nextTokenLogits(context: readonly number[]): Promise<Float32Array>;
}

const TOP = 10;

/** Default number of samples of a run: one after each quarter of its steps. */
export const DEFAULT_SAMPLES = 4;

type NumberOption = Exclude<keyof SampleOptions, 'prompt' | 'stop'>;

/** [option, name, smallest, largest, must be whole] */
const RANGES: readonly (readonly [NumberOption, string, number, number, boolean])[] = [
  // As long as the one that a run writes at its end.
  ['length', 'The length', 1, rangeOf('sampleLength').high, true],
  ['temperature', 'The temperature', 0, 10, false],
  ['topK', 'Top-k', 0, 1 << 20, true],
  ['topP', 'Top-p', 0, 1, false],
  // Lower factors than 1 make repetitions likelier.
  ['repetitionPenalty', 'The repetition penalty', 0.1, 10, false],
  ['seed', 'The seed', 0, 0xffffffff, true],
];

const TYPES = {
  prompt: 'string',
  length: 'number',
  temperature: 'number',
  topK: 'number',
  topP: 'number?',
  repetitionPenalty: 'number?',
  seed: 'number',
  stop: 'object?',
} as const satisfies Record<keyof SampleOptions, OptionType>;

const WATCH = { onToken: 'function?', signal: 'object?' } as const satisfies Record<
  keyof SampleWatch,
  OptionType
>;

/** @throws EngineError BAD_VALUE naming the option, its value and its range */
export function checkSample(options: SampleOptions): void {
  checkOptions('A sample', options, TYPES);
  for (const [option, name, low, high, whole] of RANGES) {
    const value = options[option];
    if (value === undefined) continue;
    if (value >= low && value <= high && (!whole || Number.isInteger(value))) continue;
    const kind = whole ? 'a whole number' : 'a number';
    throw new EngineError('BAD_VALUE', `${name} is ${value}.`, `It must be ${kind} from ${low} to ${high}.`);
  }
  const { stop = [] } = options;
  if (Array.isArray(stop) && stop.every((token) => Number.isInteger(token) && token >= 0)) return;
  throw badValue(`The tokens that end a sample are ${inWords(stop)}.`, 'Give a list of token ids: [50256].');
}

/** @throws EngineError BAD_VALUE for an empty context, and for values that are not tokens of the model */
export function checkTokens(context: ArrayLike<number>, vocabulary: number): void {
  const hint = `Give at least one token, a whole number from 0 to ${vocabulary - 1}: dataset.tokenizer.encode(text).`;
  if (!Array.isArray(context) && !ArrayBuffer.isView(context))
    throw badValue(`The context is ${inWords(context)}.`, hint);
  if (context.length === 0) throw badValue('The context has no token.', hint);
  const isOther = (token: number): boolean => !(Number.isInteger(token) && token >= 0 && token < vocabulary);
  const at = Array.prototype.findIndex.call(context, isOther);
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
 * Continues `options.prompt`. One CPU-GPU sync for each token.
 * @throws EngineError BAD_VALUE as {@link checkSample}, BAD_TEXT naming the characters that are not in the vocabulary
 */
export async function generate(
  model: LanguageModel,
  options: SampleOptions,
  watch: SampleWatch = {},
): Promise<Generated> {
  checkSample(options);
  checkOptions('What watches a sample', watch, WATCH);
  const { prompt, length, temperature, topK, seed } = options;
  const { topP = DEFAULT_FILTER.topP, repetitionPenalty = DEFAULT_FILTER.repetitionPenalty } = options;
  const filter: TokenFilter = { temperature, topK, topP, repetitionPenalty };
  const { onToken, signal } = watch;
  const { tokenizer } = model;
  // After a prompt with text, a space at the start of the continuation belongs to it.
  const before = prompt === '' ? beginning(model) : [...tokenizer.encode(prompt)];
  const tokens = [...before];
  const start = tokens.length;
  const decode = tokenizer.decoder(before);
  const ends = new Set(options.stop ?? tokenizer.ends);
  let [firstAt, lastAt] = [0, 0];
  while (tokens.length - start < length && !signal?.aborted) {
    const logits = await model.nextTokenLogits(tokens);
    const token = drawToken(logits, filter, uniformAt(tokens.length - start, seed), tokens);
    lastAt = performance.now();
    if (tokens.length === start) firstAt = lastAt;
    if (ends.has(token)) break;
    tokens.push(token);
    onToken?.({ ...tokenProbabilities(logits, token, tokenizer), text: decode(token) });
  }
  const ids = tokens.slice(start);
  return { ids, text: tokenizer.decode(ids, before), tokensPerSec: rateOf(ids.length - 1, lastAt - firstAt) };
}

/** What a text begins with: what its tokenizer puts there, or a token of the model's choice. */
function beginning(model: LanguageModel): number[] {
  const { start } = model.tokenizer;
  return start.length > 0 ? [...start] : [model.startToken()];
}

/** @param count of tokens after the first, in `milliseconds` */
function rateOf(count: number, milliseconds: number): number | null {
  return count > 0 && milliseconds > 0 ? (1000 * count) / milliseconds : null;
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
