/** Writes the `config.json` of an exported model, which the family's class in transformers reads. */

import { type GptConfig, headSize, keyValueHeads, mlpWidth } from '../config/gptConfig.ts';
import { documentTokens, type TokenizerJson } from '../data/tokenizer.ts';
import type { ExportDtype } from './dtypes.ts';
import { exportedFamily, FAMILIES, type FamilyName, SIZES, type Size } from './families.ts';
import { ropeKeys } from './ropeConfig.ts';

const TORCH_DTYPES: Readonly<Record<ExportDtype, string>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

/**
 * Dropout is 0, because a model is exported to be used; a run that continues elsewhere sets its own.
 * @param family one of those that `familiesOf` finds
 */
export function configJson(
  config: GptConfig,
  dtype: ExportDtype,
  tokenizer: TokenizerJson,
  family: FamilyName = exportedFamily(config),
): string {
  const { architecture, activation } = FAMILIES[family];
  const { bos, end, ends } = documentTokens(tokenizer);
  const json = {
    architectures: [architecture],
    model_type: family,
    ...sizes(config, family),
    [activation.key]: activation.names[config.mlp]?.[0],
    ...FIXED[family](config),
    initializer_range: 0.02,
    tie_word_embeddings: config.tied,
    bos_token_id: bos,
    eos_token_id: ends.length > 1 ? ends : end,
    torch_dtype: TORCH_DTYPES[dtype],
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

function sizes(config: GptConfig, family: FamilyName): Record<string, number> {
  const all: Readonly<Record<Size, number>> = {
    layers: config.layers,
    heads: config.heads,
    keyValueHeads: keyValueHeads(config),
    headSize: headSize(config),
    width: config.width,
    intermediate: mlpWidth(config),
    context: config.context,
    vocabulary: config.vocabulary,
    normEpsilon: config.normEpsilon,
  };
  const { keys } = FAMILIES[family];
  return Object.fromEntries(SIZES.flatMap((size) => (keys[size] ? [[keys[size], all[size]]] : [])));
}

const llamaKeys = ({ ropeBase, ropeScaling }: GptConfig) => ({
  ...ropeKeys({ ropeBase, ropeScaling }),
  attention_dropout: 0,
});

/** Keys that follow from what the family computes, and not from one size. */
const FIXED: Readonly<Record<FamilyName, (config: GptConfig) => Record<string, unknown>>> = {
  gpt2: ({ intermediate }) => ({
    n_inner: intermediate,
    attn_pdrop: 0,
    embd_pdrop: 0,
    resid_pdrop: 0,
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    reorder_and_upcast_attn: false,
  }),
  llama: (config) => ({
    ...llamaKeys(config),
    attention_bias: config.biases === 'all',
    mlp_bias: config.biases === 'all',
  }),
  qwen2: (config) => ({ ...llamaKeys(config), use_sliding_window: false, sliding_window: null }),
  qwen3: (config) => ({
    ...llamaKeys(config),
    attention_bias: false,
    use_sliding_window: false,
    sliding_window: null,
  }),
  mistral: (config) => ({ ...llamaKeys(config), sliding_window: null }),
};
