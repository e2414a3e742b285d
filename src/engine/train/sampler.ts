import { rangeOf } from '../config/trainConfig.ts';
import { badValue, checkOptions, inWords, type OptionType } from '../core/checkOptions.ts';
import { EngineError } from '../core/errors.ts';
import { uniformAt } from '../core/rng.ts';
import type { Dataset } from '../data/dataset.ts';
import { GPT2_END_ID } from '../data/gpt2.ts';
import { endsText, type Tokenizer } from '../data/tokenizer.ts';

export interface SampleOptions {
  /** Text to continue; empty starts where a line or a document begins: {@link startToken}. */
  readonly prompt: string;
  /** Tokens to generate. */
  readonly length: number;
  /** 0 always takes the most likely token. */
  readonly temperature: number;
  /** Only the k most likely tokens are drawn from; 0 for all. */
  readonly topK: number;
  readonly seed: number;
}

/** A token and the model's own probability of it, in [0, 1]: before temperature and top-k. */
export interface TokenChance {
  readonly text: string;
  readonly probability: number;
}

export interface SampledToken extends TokenChance {
  /** The ten most likely tokens in its place, most likely first. */
  readonly top: readonly TokenChance[];
}

export interface SampleWatch {
  /** Called for every token as it is drawn. */
  readonly onToken?: (token: SampledToken) => void;
  /** Ends the text after the token in progress. */
  readonly signal?: AbortSignal;
}

/** What continues a text: a trainer, trained or not. */
export interface LanguageModel {
  readonly dataset: Dataset;
  /** Logits of the token after `context` tokens, one for each of the tokenizer's. */
  nextTokenLogits(context: readonly number[]): Promise<Float32Array>;
}

const TOP = 10;

/** Samples of a run that asks for no other number: after each quarter of its steps. */
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

/** @throws EngineError BAD_VALUE for an empty context, and for what is no token of the model */
export function checkTokens(context: readonly number[], vocabulary: number): void {
  const hint = `Give one token or more, whole numbers from 0 to ${vocabulary - 1}: dataset.tokenizer.encode(text).`;
  if (!Array.isArray(context) && !ArrayBuffer.isView(context))
    throw badValue(`The context is ${inWords(context)}.`, hint);
  if (context.length === 0) throw badValue('The context has no token.', hint);
  const at = context.findIndex((token) => !(Number.isInteger(token) && token >= 0 && token < vocabulary));
  if (at >= 0) throw badValue(`The context has ${inWords(context[at])} at place ${at}.`, hint);
}

/** Steps after which a run of `steps` writes, for `count` samples spread evenly; the last comes at its end. */
export function sampleSteps(steps: number, count: number): Set<number> {
  const after = new Set<number>();
  for (let i = 1; i < count; i++) after.add(Math.round((steps * i) / count));
  after.delete(0);
  after.delete(steps);
  return after;
}

/**
 * Continues `prompt`, one forward pass and one sync a token. Returns only the generated text.
 * @throws EngineError BAD_VALUE as {@link checkSample}, BAD_TEXT naming the characters that the training text does not have
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
    onToken?.({ ...chancesOf(logits, token, tokenizer), text: decode(token) });
  }
  return tokenizer.decode(tokens.slice(start));
}

const LINE_BREAKS = ['\n', '\r'];
/** Tokens of a text that are searched for a line break: a text of lines has one there. */
const SEARCHED = 2 ** 20;

/**
 * What an empty prompt starts from: the token between documents where the text has one, else a line
 * break that is one token of the training text, else the token that the text begins with. A token that the text does not
 * have has never been trained.
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

/** Probabilities of the drawn token and of the most likely ones; 0 where the logits are not finite. */
export function chancesOf(
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

/** The `TOP` largest logits' tokens in descending order; the lower id first among equals. */
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
 * Token drawn from softmax(logits / temperature) over the top k.
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
