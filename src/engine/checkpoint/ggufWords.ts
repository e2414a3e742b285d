/** The names that llama.cpp has for ways to split a text into words. */
import type { LoadedModel } from '../data/loaded/tokenizerFile.ts';
import type { ByteRule } from '../data/loaded/words.ts';

/** Llama 3's and Qwen's pattern, up to how many digits are one word. */
const pattern = (digits: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

interface Words {
  readonly rule: ByteRule;
  readonly ignoresMerges: boolean;
  readonly composes: boolean;
}

const WORDS: Readonly<Record<string, Words>> = {
  'gpt-2': { rule: { kind: 'gpt2', digits: 'none' }, ignoresMerges: false, composes: false },
  smollm: { rule: { kind: 'gpt2', digits: 'each' }, ignoresMerges: false, composes: false },
  'llama-bpe': {
    rule: { kind: 'patterns', patterns: [{ Regex: pattern('\\p{N}{1,3}') }] },
    ...{ ignoresMerges: true, composes: false },
  },
  qwen2: {
    rule: { kind: 'patterns', patterns: [{ Regex: pattern('\\p{N}') }] },
    ...{ ignoresMerges: false, composes: true },
  },
};

/** Other names of the same. */
const ALIASES: Readonly<Record<string, string>> = { llama3: 'llama-bpe', 'llama-v3': 'llama-bpe' };

/** Null where there is none. llama.cpp leaves out the normal form C that Qwen's files ask for. */
export function preTokenizerName({ words, ignoresMerges }: LoadedModel): string | null {
  const same = (rule: ByteRule) => JSON.stringify(rule) === JSON.stringify(words);
  const found = Object.entries(WORDS).find(
    ([, each]) => same(each.rule) && each.ignoresMerges === ignoresMerges,
  );
  return found?.[0] ?? null;
}

/** The names that are read. */
export const PRE_TOKENIZERS: readonly string[] = [...Object.keys(WORDS), ...Object.keys(ALIASES)];

/** The parts of a `tokenizer.json` for a name; null for a name that is not read. */
export function preTokenizerParts(name: string): {
  readonly normalizer: unknown;
  readonly preTokenizer: unknown;
  readonly ignoresMerges: boolean;
} | null {
  const words = WORDS[ALIASES[name] ?? name];
  if (!words) return null;
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
  const before =
    words.rule.kind === 'patterns'
      ? words.rule.patterns.map((each) => ({
          ...{ type: 'Split', pattern: each, behavior: 'Isolated', invert: false },
        }))
      : words.rule.digits === 'each'
        ? [{ type: 'Digits', individual_digits: true }]
        : [];
  const last = { ...byteLevel, use_regex: words.rule.kind === 'gpt2' };
  return {
    normalizer: words.composes ? { type: 'NFC' } : null,
    preTokenizer: before.length > 0 ? { type: 'Sequence', pretokenizers: [...before, last] } : last,
    ignoresMerges: words.ignoresMerges,
  };
}
