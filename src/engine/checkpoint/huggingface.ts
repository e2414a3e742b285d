/**
 * The files beside the weights that Hugging Face's libraries read: `config.json` of a GPT-2 and `tokenizer.json`.
 * Formats: GPT2Config of transformers; https://huggingface.co/docs/tokenizers, components "Models", "Pre-tokenizers".
 */

import { type GptConfig, MLPS, NORMS } from '../config/gptConfig.ts';
import { EngineError } from '../core/errors.ts';
import { byteCharacters } from '../data/byteCharacters.ts';
import { GPT2_END, GPT2_END_ID } from '../data/gpt2.ts';
import { learnedModel, type PairModel, tokenBytes } from '../data/pairModel.ts';
import { pairModel, type TokenizerJson } from '../data/tokenizer.ts';
import type { ExportDtype } from './gpt2.ts';

/** Keys of a weights file's metadata: what weights alone do not tell. */
export const HEADS_KEY = 'n_head';
export const MLP_KEY = 'halfstep.mlp';
export const TOKENIZER_KEY = 'halfstep.tokenizer';

/**
 * Refuses what the GPT-2 of these libraries cannot have.
 * @throws EngineError BAD_VALUE naming it
 */
export function checkExport({ norm }: Pick<GptConfig, 'norm'>): void {
  if (NORMS[norm].exported) return;
  throw new EngineError(
    'BAD_VALUE',
    `The model has ${NORMS[norm].title} (norm ${norm}), and the GPT-2 of Hugging Face's libraries has only ${NORMS.layernorm.title}.`,
    'Save the run instead: Halfstep resumes it and writes its samples.',
  );
}

/** `config.json` of a model that was written in `dtype`. Dropout is none: the engine has none. */
export function configJson(config: GptConfig, dtype: ExportDtype, { kind }: TokenizerJson): string {
  const { layers, heads, width, context, vocabulary, tied, mlp } = config;
  return pretty({
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    vocab_size: vocabulary,
    n_positions: context,
    n_embd: width,
    n_layer: layers,
    n_head: heads,
    n_inner: null,
    activation_function: MLPS[mlp].names[0],
    layer_norm_epsilon: 1e-5,
    initializer_range: 0.02,
    attn_pdrop: 0,
    embd_pdrop: 0,
    resid_pdrop: 0,
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    reorder_and_upcast_attn: false,
    tie_word_embeddings: tied,
    bos_token_id: kind === 'gpt2' ? GPT2_END_ID : null,
    eos_token_id: kind === 'gpt2' ? GPT2_END_ID : null,
    torch_dtype: dtype === 'F32' ? 'float32' : 'float16',
  });
}

/**
 * `tokenizer.json`: every tokenizer of the engine is a byte-pair model of that library, some without a single pair.
 * @throws RangeError for GPT-2's before `loadGpt2`
 */
export function tokenizerJson(json: TokenizerJson): string {
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
    // Without pairs a text falls apart into its characters, and those are joined with nothing between them.
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
  // Without a prototype, `__proto__` is a token like any other.
  const vocabulary: Record<string, number> = Object.create(null);
  for (const [id, token] of pieces.entries()) vocabulary[token] = id;
  return vocabulary;
}

/** Every token as a string of byte characters; special ones by their names, whose characters are their bytes'. */
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

/** `tokenizer_config.json`: no special tokens but GPT-2's own, which the class that belongs to `gpt2` would add to all. */
export function tokenizerConfigJson(context: number, { kind }: TokenizerJson): string {
  return pretty({
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: context,
    clean_up_tokenization_spaces: false,
    ...(kind === 'gpt2' && { bos_token: GPT2_END, eos_token: GPT2_END, unk_token: GPT2_END }),
  });
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
