/**
 * The files beside the weights that Hugging Face's libraries read: `config.json` of a GPT-2 and `tokenizer.json`.
 * Formats: GPT2Config of transformers; https://huggingface.co/docs/tokenizers, components "Models", "Pre-tokenizers".
 */
import { tokenBytes } from '../data/bpe.ts';
import { byteCharacters } from '../data/byteCharacters.ts';
import type { TokenizerJson } from '../data/tokenizer.ts';
import type { GptConfig } from '../model/config.ts';
import { type ExportDtype, wrongModel } from './gpt2.ts';
import { type JsonObject, JsonProblem, type JsonValue, parseStrictJson, quote } from './strictJson.ts';

/** Keys of a weights file's metadata: what weights alone do not tell. */
export const HEADS_KEY = 'n_head';
export const TOKENIZER_KEY = 'halfstep.tokenizer';

/** `config.json` of a model that was written in `dtype`. Dropout is none: the engine has none. */
export function configJson(config: GptConfig, dtype: ExportDtype): string {
  const { layers, heads, width, context, vocabulary, tied } = config;
  return pretty({
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    vocab_size: vocabulary,
    n_positions: context,
    n_embd: width,
    n_layer: layers,
    n_head: heads,
    n_inner: null,
    activation_function: 'gelu_new',
    layer_norm_epsilon: 1e-5,
    initializer_range: 0.02,
    attn_pdrop: 0,
    embd_pdrop: 0,
    resid_pdrop: 0,
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    reorder_and_upcast_attn: false,
    tie_word_embeddings: tied,
    bos_token_id: null,
    eos_token_id: null,
    torch_dtype: dtype === 'F32' ? 'float32' : 'float16',
  });
}

/** Keys of `config.json` that change what a model computes, with the only value that the engine computes. */
const FIXED: readonly (readonly [string, readonly JsonValue[]])[] = [
  ['model_type', ['gpt2']],
  ['activation_function', ['gelu_new', 'gelu_pytorch_tanh']],
  ['layer_norm_epsilon', [1e-5]],
  ['scale_attn_weights', [true]],
  ['scale_attn_by_inverse_layer_idx', [false]],
  ['add_cross_attention', [false]],
];
const MAX_DEPTH = 16;

/**
 * The number of heads of a `config.json`.
 * @param file the weights' name, for messages
 * @throws EngineError WRONG_MODEL when it says that the model computes something else than a GPT-2
 */
export function headsOfConfig(text: string, file: string): number {
  let config: JsonValue;
  try {
    config = parseStrictJson(text, MAX_DEPTH);
  } catch (cause) {
    if (!(cause instanceof JsonProblem)) throw cause;
    throw wrongModel(
      file,
      `has a config.json that is not JSON at character ${cause.offset}: ${cause.message}`,
    );
  }
  if (!(config instanceof Map)) throw wrongModel(file, 'has a config.json that is no object');
  const object: JsonObject = config;
  for (const [key, allowed] of FIXED) {
    const value = object.get(key);
    if (value === undefined || allowed.includes(value)) continue;
    const said = typeof value === 'string' ? quote(value) : String(value);
    throw wrongModel(
      file,
      `has a config.json with ${key} ${said}, and only ${allowed.join(' or ')} is trained`,
    );
  }
  const heads = object.get('n_head');
  if (Number.isSafeInteger(heads) && (heads as number) > 0) return heads as number;
  throw wrongModel(file, 'has a config.json without a whole n_head');
}

/** `tokenizer.json`: every tokenizer of the engine is a byte-pair model of that library, some without a single pair. */
export function tokenizerJson(json: TokenizerJson): string {
  return pretty({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: json.kind === 'char' ? null : byteLevel(json.kind === 'bpe'),
    post_processor: null,
    // Without pairs a text falls apart into its characters, and those are joined with nothing between them.
    decoder: json.kind === 'char' ? { type: 'Fuse' } : byteLevel(false),
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: vocabularyOf(json),
      merges: json.kind === 'bpe' ? mergesOf(json.pairs) : [],
    },
  });
}

function byteLevel(useRegex: boolean) {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex };
}

function vocabularyOf(json: TokenizerJson): Record<string, number> {
  const tokens =
    json.kind === 'char' ? [...json.characters] : bytePieces(json.kind === 'bpe' ? json.pairs : []);
  // Without a prototype, `__proto__` is a token like any other.
  const vocabulary: Record<string, number> = Object.create(null);
  for (const [id, token] of tokens.entries()) vocabulary[token] = id;
  return vocabulary;
}

/** Every token as a string of byte characters. */
function bytePieces(pairs: readonly number[]): string[] {
  const characters = byteCharacters();
  return tokenBytes(pairs).map((bytes) => Array.from(bytes, (byte) => characters[byte]).join(''));
}

function mergesOf(pairs: readonly number[]): string[] {
  const pieces = bytePieces(pairs);
  return Array.from(
    { length: pairs.length / 2 },
    (_, i) => `${pieces[pairs[2 * i]!]} ${pieces[pairs[2 * i + 1]!]}`,
  );
}

/** `tokenizer_config.json`: no special tokens, which the class that belongs to `gpt2` would add. */
export function tokenizerConfigJson(context: number): string {
  return pretty({
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: context,
    clean_up_tokenization_spaces: false,
  });
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
