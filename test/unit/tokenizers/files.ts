/** Makes `tokenizer.json` files of other families, small ones with real components. */
import { byteCharacters } from '../../../src/engine/data/byteCharacters.ts';

export type Json = Record<string, unknown> & { model: Record<string, unknown> };

/** The words that pairs are learned from. */
const WORDS = [
  'the',
  ' the',
  ' low',
  ' lower',
  ' lowest',
  ' new',
  ' 12',
  '  ',
  '\n\n',
  'é',
  " 's",
  'ing',
  ' 你好',
];

const BOS = { SpecialToken: { id: '<s>', type_id: 0 } };
const TEXT = { Sequence: { id: 'A', type_id: 0 } };

/** Joins the characters of words from left to right: the merges of a small vocabulary. */
function mergesOf(words: readonly string[][]): [string, string][] {
  const merges = new Map<string, [string, string]>();
  for (const word of words) {
    for (let i = 1; i < word.length; i++) {
      const [first, second] = [word.slice(0, i).join(''), word[i]!];
      merges.set(`${first} ${second}`, [first, second]);
    }
  }
  return [...merges.values()];
}

function vocabularyOf(pieces: readonly string[]): Record<string, number> {
  return Object.fromEntries([...new Set(pieces)].map((piece, id) => [piece, id]));
}

export function added(content: string, id: number, more: object = {}): object {
  return {
    ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
    ...more,
  };
}

const byteLevel = (useRegex: boolean) => ({
  ...{ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex },
});

/** Llama 3's pattern; Qwen's with one digit. */
export const pattern = (digits: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const split = (digits: string) => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: pattern(digits) }, behavior: 'Isolated', invert: false },
    byteLevel(false),
  ],
});

/** Over bytes. `kind` decides how words are split. */
export function byteFile(kind: 'gpt2' | 'smollm' | 'llama3' | 'qwen2'): Json {
  const names = byteCharacters();
  const words = WORDS.map((word) => Array.from(new TextEncoder().encode(word), (byte) => names[byte]!));
  const merges = mergesOf(words);
  const pieces = [...names, ...merges.map((pair) => pair.join(''))];
  const vocab = vocabularyOf(pieces);
  const next = Object.keys(vocab).length;
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [added('<|endoftext|>', next), added('<|im_start|>', next + 1)],
    normalizer: kind === 'qwen2' ? { type: 'NFC' } : null,
    pre_tokenizer:
      kind === 'gpt2'
        ? byteLevel(true)
        : kind === 'smollm'
          ? {
              type: 'Sequence',
              pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel(true)],
            }
          : split(kind === 'llama3' ? '\\p{N}{1,3}' : '\\p{N}'),
    post_processor:
      kind === 'llama3'
        ? {
            type: 'Sequence',
            processors: [
              { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true },
              {
                type: 'TemplateProcessing',
                single: [{ SpecialToken: { id: '<|endoftext|>', type_id: 0 } }, TEXT],
                pair: [],
                special_tokens: {
                  '<|endoftext|>': { id: '<|endoftext|>', ids: [next], tokens: ['<|endoftext|>'] },
                },
              },
            ],
          }
        : { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...{
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: '',
        end_of_word_suffix: '',
      },
      ...{ fuse_unk: false, byte_fallback: false, ignore_merges: kind === 'llama3', vocab },
      merges: merges.map((pair) => pair.join(' ')),
    },
  };
}

/** Over characters, as SentencePiece's files of Llama 2. */
export function markedFile(preTokenizer: object | null = null): Json {
  const words = WORDS.map((word) => [...word.replaceAll(' ', '▁')]);
  const pieces = [
    ...['<unk>', '<s>', '</s>'],
    ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
    ...mergesOf(words).map((pair) => pair.join('')),
    ...new Set([...words.flat(), ...'abcdefghijklmnopqrstuvwxyz.,!']),
  ];
  const vocab = vocabularyOf(pieces);
  const known = (piece: string) => vocab[piece] !== undefined;
  // Every way to cut a piece into two others, as in files that were converted from SentencePiece's.
  const merges = Object.keys(vocab)
    .slice(259)
    .flatMap((piece) =>
      Array.from({ length: piece.length - 1 }, (_, i) => [piece.slice(0, i + 1), piece.slice(i + 1)])
        .filter((pair) => pair.every(known))
        .map((pair) => pair.join(' ')),
    );
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [added('<unk>', 0), added('<s>', 1), added('</s>', 2)],
    normalizer: preTokenizer
      ? null
      : {
          type: 'Sequence',
          normalizers: [
            { type: 'Prepend', prepend: '▁' },
            { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
          ],
        },
    pre_tokenizer: preTokenizer,
    post_processor: {
      type: 'TemplateProcessing',
      single: [BOS, TEXT],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null },
      ...{
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: true,
        ignore_merges: false,
        vocab,
        merges,
      },
    },
  };
}
