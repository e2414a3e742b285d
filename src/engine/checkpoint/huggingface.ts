/**
 * Writes `tokenizer.json` and `tokenizer_config.json`, which Hugging Face's libraries read.
 * Format: https://huggingface.co/docs/tokenizers, components "Models", "Pre-tokenizers".
 */

import { byteCharacters } from '../data/byteCharacters.ts';
import { GPT2_END, GPT2_END_ID } from '../data/gpt2.ts';
import { readLoaded } from '../data/loaded/tokenizerFile.ts';
import { learnedModel, type PairModel, tokenBytes } from '../data/pairModel.ts';
import { documentTokens, pairModel, type TokenizerJson } from '../data/tokenizer.ts';

/**
 * Returns the `tokenizer.json` of a tokenizer. Each is a BPE model of that library, some without any merges. A loaded
 * tokenizer gives back its own file.
 * @throws RangeError for GPT-2's tokenizer before `loadGpt2`
 */
export function tokenizerJson(json: TokenizerJson): string {
  if (json.kind === 'loaded') return json.file;
  const model = json.kind === 'byte' ? learnedModel([]) : pairModel(json);
  const pieces = json.kind === 'char' ? [...json.characters] : bytePieces(model!);
  return pretty({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: json.kind === 'gpt2' ? [END_TOKEN] : [],
    normalizer: null,
    pre_tokenizer: model ? byteLevel(json.kind !== 'byte') : null,
    post_processor: null,
    // A character tokenizer has no merges, so a text is split into characters, and `Fuse` joins them without spaces.
    decoder: model ? byteLevel(false) : { type: 'Fuse' },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: vocabularyOf(pieces),
      merges: model ? mergesOf(model, pieces) : [],
    },
  });
}

const END_TOKEN = {
  id: GPT2_END_ID,
  content: GPT2_END,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
};

function byteLevel(useRegex: boolean) {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex };
}

function vocabularyOf(pieces: readonly string[]): Record<string, number> {
  // The object has no prototype, so that `__proto__` is an ordinary token.
  const vocabulary: Record<string, number> = Object.create(null);
  for (const [id, token] of pieces.entries()) vocabulary[token] = id;
  return vocabulary;
}

/** Returns every token as a string of byte characters. The names of special tokens are ASCII and stay as they are. */
export function bytePieces(model: PairModel): string[] {
  const characters = byteCharacters();
  return tokenBytes(model).map((bytes) => Array.from(bytes, (byte) => characters[byte]).join(''));
}

export function mergesOf({ pairs }: PairModel, pieces: readonly string[]): string[] {
  return Array.from(
    { length: pairs.length / 2 },
    (_, i) => `${pieces[pairs[2 * i]!]} ${pieces[pairs[2 * i + 1]!]}`,
  );
}

/**
 * Returns `tokenizer_config.json`. It names the generic class, because the class for `gpt2` would add GPT-2's special
 * tokens to every tokenizer.
 */
export function tokenizerConfigJson(context: number, json: TokenizerJson): string {
  return pretty({
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: context,
    clean_up_tokenization_spaces: false,
    ...(json.kind === 'gpt2' && { bos_token: GPT2_END, eos_token: GPT2_END, unk_token: GPT2_END }),
    ...(json.kind === 'loaded' && loadedNames(json)),
  });
}

/** The names of the tokens with which a loaded tokenizer begins and ends a document. */
function loadedNames(json: TokenizerJson & { kind: 'loaded' }): object {
  const { bos, end } = documentTokens(json);
  const { pieces } = readLoaded(json.file);
  return {
    ...(bos !== null && { bos_token: pieces[bos] }),
    ...(end !== null && { eos_token: pieces[end] }),
  };
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
