/** Reads the tokenizer in the metadata of a GGUF file, as the `tokenizer.json` that it was made from. */
import { EngineError } from '../core/errors.ts';
import { quote } from '../core/strictJson.ts';
import { SPACE_MARK } from '../data/loaded/characters.ts';
import type { TokenizerJson } from '../data/tokenizer.ts';
import { readTokenizerJson } from '../data/tokenizerJson.ts';
import { CompanionFileError } from './beside.ts';
import type { GgufValue } from './ggufFormat.ts';
import { damagedGguf, type GgufFile } from './ggufHeader.ts';
import { END_KEYS, OWN_TOKENIZER, TOKEN_TYPES } from './ggufVocabulary.ts';
import { PRE_TOKENIZERS, preTokenizerParts } from './ggufWords.ts';
import { scoredMerges } from './mergeScores.ts';
import { readTokenizer } from './modelTokenizer.ts';
import { bytesSource } from './randomAccess.ts';

const KEY = 'tokenizer.ggml.';

/**
 * @returns null when the file has none
 * @throws EngineError WRONG_MODEL naming what is not supported; BAD_FILE for damaged values; TOKENIZER_UNAVAILABLE
 */
export async function ggufTokenizer(file: GgufFile): Promise<TokenizerJson | null> {
  const { metadata, source } = file;
  const own = metadata.get(OWN_TOKENIZER);
  if (typeof own === 'string') return readTokenizerJson(own, source.name);
  const model = metadata.get(`${KEY}model`);
  if (model === undefined || model === 'none' || model === 'no_vocab') return null;
  const values = new Values(file);
  try {
    const json = model === 'gpt2' ? byteLevelJson(values) : model === 'llama' ? markedJson(values) : null;
    if (json === null)
      throw new CompanionFileError(`is of the kind ${String(model)}; gpt2 and llama are read`);
    const text = new TextEncoder().encode(JSON.stringify(json));
    const ends = END_KEYS.map((key) => values.optional(key)).filter((id) => id !== null);
    const ids = { ends: [...new Set(ends)], bos: values.optional('bos_token_id') };
    const { tokenizer } = await readTokenizer(bytesSource('tokenizer', text), ids);
    return tokenizer;
  } catch (cause) {
    if (!(cause instanceof CompanionFileError)) throw cause;
    throw new EngineError(
      'WRONG_MODEL',
      `The tokenizer in "${source.name}" ${cause.message}.`,
      "Give the model's safetensors files with its tokenizer.json.",
      { cause },
    );
  }
}

/** The metadata of a tokenizer. */
class Values {
  readonly #file: GgufFile;
  readonly tokens: readonly string[];
  readonly types: readonly number[];

  constructor(file: GgufFile) {
    this.#file = file;
    this.tokens = this.strings('tokens');
    this.types = this.#file.metadata.has(`${KEY}token_type`)
      ? this.numbers('token_type')
      : this.tokens.map(() => TOKEN_TYPES.normal);
  }

  strings(key: string): readonly string[] {
    return this.#list(key, (each) => typeof each === 'string');
  }

  /** One for each token. */
  numbers(key: string): readonly number[] {
    const list = this.#list<number>(key, (each) => typeof each === 'number');
    if (list.length === this.tokens.length) return list;
    throw damagedGguf(
      this.#file.source.name,
      `its ${KEY}${key} has ${list.length} entries for ${this.tokens.length} tokens`,
    );
  }

  /** A token's id; null when there is none. */
  optional(key: string): number | null {
    const id = this.#file.metadata.get(`${KEY}${key}`);
    return typeof id === 'number' && this.tokens[id] !== undefined ? id : null;
  }

  flag(key: string, otherwise: boolean): boolean {
    const value = this.#file.metadata.get(`${KEY}${key}`);
    return typeof value === 'boolean' ? value : otherwise;
  }

  text(key: string): string | null {
    const value = this.#file.metadata.get(`${KEY}${key}`);
    return typeof value === 'string' ? value : null;
  }

  #list<Entry extends GgufValue>(key: string, isEntry: (value: GgufValue) => boolean): readonly Entry[] {
    const list = this.#file.metadata.get(`${KEY}${key}`);
    if (Array.isArray(list) && list.every(isEntry)) return list as readonly Entry[];
    throw damagedGguf(this.#file.source.name, `its ${KEY}${key} is not a list of what it should hold`);
  }
}

function byteLevelJson(values: Values): object {
  const pre = values.text('pre');
  const parts = pre === null ? null : preTokenizerParts(pre);
  if (!parts) {
    throw new CompanionFileError(
      `splits words as ${pre === null ? 'no pre-tokenizer' : quote(pre)} does; ${PRE_TOKENIZERS.join(', ')} are read`,
    );
  }
  return {
    ...common(values, values.flag('add_bos_token', false)),
    normalizer: parts.normalizer,
    pre_tokenizer: parts.preTokenizer,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      ignore_merges: parts.ignoresMerges,
      vocab: vocabulary(values),
      merges: values.strings('merges'),
    },
  };
}

function markedJson(values: Values): object {
  const { tokens, types } = values;
  const addsSpace = values.flag('add_space_prefix', true);
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: SPACE_MARK };
  const decoders = [
    { type: 'Replace', pattern: { String: SPACE_MARK }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
  ];
  return {
    ...common(values, values.flag('add_bos_token', true)),
    normalizer: addsSpace
      ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: SPACE_MARK }, spaces] }
      : spaces,
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: addsSpace ? [...decoders, { type: 'Strip', content: ' ', start: 1, stop: 0 }] : decoders,
    },
    model: {
      type: 'BPE',
      byte_fallback: true,
      vocab: vocabulary(values),
      merges: scoredMerges(tokens, values.numbers('scores'), (id) => types[id] === TOKEN_TYPES.normal),
    },
  };
}

/** The vocabulary without the tokens that only fill its rows. */
function vocabulary({ tokens, types }: Values): Record<string, number> {
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, token] of tokens.entries()) if (types[id] !== TOKEN_TYPES.unused) vocab[token] = id;
  return vocab;
}

const ADDED: readonly number[] = [TOKEN_TYPES.control, TOKEN_TYPES.unknown, TOKEN_TYPES.user];

function common(values: Values, addsStart: boolean): object {
  const { tokens, types } = values;
  const start = addsStart ? values.optional('bos_token_id') : null;
  const name = start === null ? '' : tokens[start]!;
  const sequence = { Sequence: { id: 'A', type_id: 0 } };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: tokens.flatMap((content, id) => {
      if (!ADDED.includes(types[id]!)) return [];
      const isSpecial = types[id] !== TOKEN_TYPES.user;
      return [
        {
          id,
          content,
          single_word: false,
          lstrip: false,
          rstrip: false,
          normalized: false,
          special: isSpecial,
        },
      ];
    }),
    post_processor:
      start === null
        ? null
        : {
            type: 'TemplateProcessing',
            single: [{ SpecialToken: { id: name, type_id: 0 } }, sequence],
            pair: [sequence, { Sequence: { id: 'B', type_id: 1 } }],
            special_tokens: { [name]: { id: name, ids: [start], tokens: [name] } },
          },
  };
}
