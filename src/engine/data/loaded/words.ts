/** The rules of tokenizers over bytes: how a text is split into words, whose bytes are then joined. */
import type { JsonObject, JsonValue } from '../../core/strictJson.ts';
import { literalOf, only, TokenizerProblem, typeOf } from './components.ts';

/** Whether digits are split off before words are: each on its own, as runs, or not. */
export type Digits = 'each' | 'runs' | 'none';

/** A pattern of a `Split`, as the file has it. */
export type SplitPattern = { readonly Regex: string } | { readonly String: string };

export type ByteRule =
  /** GPT-2's pattern. */
  | { readonly kind: 'gpt2'; readonly digits: Digits }
  /** Patterns of the file, each applied to the words of the one before. */
  | { readonly kind: 'patterns'; readonly patterns: readonly SplitPattern[] };

/** @throws TokenizerProblem naming a component that does something else */
export function byteRule(
  normalizers: readonly JsonObject[],
  cuts: readonly JsonObject[],
  decoders: readonly JsonObject[],
): ByteRule {
  const [other] = normalizers;
  if (other) throw new TokenizerProblem(`has the normalizer ${typeOf(other)}, which is not supported`);
  if (decoders.length !== 1 || typeOf(decoders[0]!) !== 'ByteLevel') {
    throw new TokenizerProblem(
      `has the decoder ${decoders.map(typeOf).join(', ') || 'null'}; only ByteLevel is supported with the pre_tokenizer ByteLevel`,
    );
  }
  const before = cuts.slice(0, -1);
  const last = cuts.at(-1)!;
  const unknown = cuts.find(
    (each, i) => typeOf(each) !== (i === before.length ? 'ByteLevel' : typeOf(before[0]!)),
  );
  if (unknown || (before[0] && !['Split', 'Digits'].includes(typeOf(before[0])))) {
    throw new TokenizerProblem(
      `has the pre_tokenizer ${typeOf(unknown ?? before[0]!)} in a sequence ${cuts.map(typeOf).join(', ')}, which is not supported`,
    );
  }
  only(last, 'add_prefix_space', [false]);
  only(last, 'use_regex', [undefined, true, false]);
  const isGpt2 = last.get('use_regex') !== false;
  const type = before[0] && typeOf(before[0]);
  if (isGpt2 && type !== 'Split' && before.length < 2) return { kind: 'gpt2', digits: digitsOf(before[0]) };
  if (!isGpt2 && type === 'Split') return { kind: 'patterns', patterns: before.map(patternOf) };
  throw new TokenizerProblem(
    `has the pre_tokenizer ${cuts.map(typeOf).join(', ')} with use_regex ${isGpt2}, which is not supported`,
  );
}

function digitsOf(component: JsonObject | undefined): Digits {
  if (!component) return 'none';
  return component.get('individual_digits') === true ? 'each' : 'runs';
}

function patternOf(split: JsonObject): SplitPattern {
  only(split, 'behavior', ['Isolated']);
  only(split, 'invert', [undefined, false]);
  const pattern: JsonValue | undefined = split.get('pattern');
  const expression = pattern instanceof Map ? pattern.get('Regex') : undefined;
  if (typeof expression === 'string') return { Regex: expression };
  const text = literalOf(pattern);
  if (text !== null && text !== '') return { String: text };
  throw new TokenizerProblem('has a Split without a pattern');
}
