/** Draws a token from logits. */

/** Which tokens may be drawn, and how likely each is. */
export interface TokenFilter {
  /** 0 always selects the most likely token. */
  readonly temperature: number;
  /** The k most likely tokens; 0 for all. */
  readonly topK: number;
  /** Of those the fewest most likely whose probabilities add up to this share; 1 for all. */
  readonly topP: number;
  /** Divides positive logits of tokens that occur before, and multiplies negative ones; 1 leaves them. */
  readonly repetitionPenalty: number;
}

/** What leaves all tokens as likely as they are. */
export const DEFAULT_FILTER: TokenFilter = { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 };

/**
 * Samples a token from softmax(logits / temperature) over what the filter keeps. Of equal logits the lower id comes first.
 * @param uniform random number in [0, 1)
 * @param before the tokens whose repetition is penalised
 */
export function drawToken(
  logits: Float32Array,
  { temperature, topK, topP, repetitionPenalty }: TokenFilter,
  uniform: number,
  before: Iterable<number> = [],
): number {
  const penalised = withPenalty(logits, repetitionPenalty, before);
  if (temperature === 0) return largest(penalised);
  const order = descending(penalised);
  const kept = topK > 0 ? order.subarray(0, topK) : order;
  const highest = penalised[kept[0]!]!;
  const weights = Float64Array.from(kept, (token) => Math.exp((penalised[token]! - highest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const [count, share] = topP < 1 ? nucleus(weights, topP * total) : [weights.length, total];
  let remaining = uniform * share;
  for (let i = 0; i < count; i++) {
    remaining -= weights[i]!;
    if (remaining < 0) return kept[i]!;
  }
  return kept[count - 1]!;
}

/** The number of first weights that reach `share`, at least one, and their sum. */
function nucleus(weights: Float64Array, share: number): [count: number, sum: number] {
  let [count, sum] = [0, 0];
  do sum += weights[count++]!;
  while (sum < share && count < weights.length);
  return [count, sum];
}

function withPenalty(logits: Float32Array, penalty: number, before: Iterable<number>): Float32Array {
  if (penalty === 1) return logits;
  const penalised = logits.slice();
  for (const token of new Set(before)) {
    const logit = logits[token];
    if (logit !== undefined) penalised[token] = logit > 0 ? logit / penalty : logit * penalty;
  }
  return penalised;
}

/** The token with the largest logit. One that is not a number is never larger. */
function largest(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) {
    if (logits[token]! > logits[best]! || Number.isNaN(logits[best]!)) best = token;
  }
  return best;
}

const IDS = 2 ** 20;

/**
 * Token ids by falling logit. A key holds the logit's bits, so that they sort as the numbers do, and the id: 52 bits, which
 * a double holds exactly. Sorting numbers takes a fraction of the time of sorting by a function.
 */
function descending(logits: Float32Array): Uint32Array {
  const bits = new Uint32Array(logits.buffer, logits.byteOffset, logits.length);
  const keys = new Float64Array(logits.length);
  for (let token = 0; token < keys.length; token++) {
    // A negative zero is as large as a positive one.
    const word = logits[token]! === 0 ? 0 : bits[token]!;
    const rising = word >>> 31 === 1 ? ~word >>> 0 : (word | 0x80000000) >>> 0;
    keys[token] = rising * IDS + (IDS - 1 - token);
  }
  keys.sort();
  const order = new Uint32Array(keys.length);
  for (let i = 0; i < order.length; i++) order[i] = IDS - 1 - (keys[keys.length - 1 - i]! % IDS);
  return order;
}
