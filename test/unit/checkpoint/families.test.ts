/** The config.json of every family: what people have, what the engine computes of it, and what it refuses. */
import { describe, expect, test } from 'vitest';
import { CompanionFileError } from '../../../src/engine/checkpoint/beside.ts';
import { configJson } from '../../../src/engine/checkpoint/configJson.ts';
import {
  exportedFamily,
  FAMILY_NAMES,
  type FamilyName,
  familiesOf,
  kindsOfFamily,
} from '../../../src/engine/checkpoint/families.ts';
import { readConfig } from '../../../src/engine/checkpoint/modelConfig.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { GPT2_KINDS, type GptConfig } from '../../../src/engine/config/gptConfig.ts';

const read = (json: object, likely: FamilyName = 'llama') =>
  readConfig(bytesSource('config.json', new TextEncoder().encode(JSON.stringify(json))), likely);

const SMOLLM2 = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0.0,
  bos_token_id: 0,
  hidden_act: 'silu',
  hidden_size: 576,
  intermediate_size: 1536,
  is_llama_config: true,
  max_position_embeddings: 8192,
  mlp_bias: false,
  model_type: 'llama',
  num_attention_heads: 9,
  num_hidden_layers: 30,
  num_key_value_heads: 3,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_interleaved: false,
  rope_scaling: null,
  rope_theta: 100000,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  use_cache: true,
  vocab_size: 49152,
};
const SIZES = { layers: 30, heads: 9, keyValueHeads: 3, width: 576, intermediate: 1536, vocabulary: 49152 };

const LLAMA3_SCALING = {
  factor: 32.0,
  high_freq_factor: 4.0,
  low_freq_factor: 1.0,
  original_max_position_embeddings: 8192,
  rope_type: 'llama3',
};
const QWEN = {
  ...{ hidden_act: 'silu', hidden_size: 896, intermediate_size: 4864, max_position_embeddings: 32768 },
  ...{ num_attention_heads: 14, num_hidden_layers: 24, num_key_value_heads: 2, rms_norm_eps: 1e-6 },
  ...{ rope_theta: 1000000.0, tie_word_embeddings: true, vocab_size: 151936 },
  ...{ sliding_window: 32768, max_window_layers: 21, use_sliding_window: false },
};

describe('is read', () => {
  test.each<[string, object, FamilyName, object]>([
    [
      'SmolLM2',
      SMOLLM2,
      'llama',
      { ...SIZES, context: 8192, normEpsilon: 1e-5, ropeBase: 1e5, ropeScaling: 'none', biases: 'none' },
    ],
    [
      'Llama 3.2',
      { ...SMOLLM2, rope_theta: 500000.0, rope_scaling: LLAMA3_SCALING, head_dim: 64 },
      'llama',
      { ropeBase: 5e5, ropeScaling: 'llama3:32:1:4:8192', headSize: 64, tied: true },
    ],
    [
      'transformers 5, which has one object for RoPE',
      { ...SMOLLM2, rope_theta: undefined, rope_parameters: { ...LLAMA3_SCALING, rope_theta: 500000.0 } },
      'llama',
      { ropeBase: 5e5, ropeScaling: 'llama3:32:1:4:8192' },
    ],
    [
      'transformers 5 without scaling',
      { ...SMOLLM2, rope_parameters: { rope_theta: 10000.0, rope_type: 'default' } },
      'llama',
      { ropeBase: 1e4, ropeScaling: 'none' },
    ],
    [
      'an older Llama, which names the type of its scaling "type"',
      { ...SMOLLM2, rope_scaling: { type: 'default' }, rope_theta: undefined, rms_norm_eps: undefined },
      'llama',
      { ropeBase: 1e4, ropeScaling: 'none', normEpsilon: 1e-6 },
    ],
    ['a Llama with biases', { ...SMOLLM2, attention_bias: true, mlp_bias: true }, 'llama', { biases: 'all' }],
    ['no model_type but a class', { ...QWEN, architectures: ['Qwen2ForCausalLM'] }, 'qwen2', {}],
    ['no name at all', { ...QWEN }, 'llama', { width: 896 }],
    ['Qwen 2.5', { ...QWEN, model_type: 'qwen2' }, 'qwen2', { width: 896, keyValueHeads: 2, ropeBase: 1e6 }],
    [
      'Qwen 3, whose heads are wider than width / heads',
      { ...QWEN, model_type: 'qwen3', head_dim: 128, attention_bias: false },
      'qwen3',
      { headSize: 128, normEpsilon: 1e-6 },
    ],
    ['Qwen 3 with the head size of its class', { ...QWEN, model_type: 'qwen3' }, 'qwen3', { headSize: 128 }],
    [
      'Mistral without a window',
      { ...SMOLLM2, model_type: 'mistral', sliding_window: null },
      'mistral',
      { ...SIZES },
    ],
    [
      'Mistral with a window as wide as its context',
      { ...SMOLLM2, model_type: 'mistral', sliding_window: 8192 },
      'mistral',
      { context: 8192 },
    ],
    ['tanh GELU with a gate', { ...SMOLLM2, hidden_act: 'gelu_pytorch_tanh' }, 'llama', { mlp: 'geglu' }],
    ['SiLU', { ...SMOLLM2 }, 'llama', { mlp: 'swiglu' }],
  ])('%s', async (_, json, family, stated) => {
    expect(await read(json)).toMatchObject({ family, stated });
  });
});

describe('is refused by the name of the option', () => {
  const with_ = (change: object, base: object = SMOLLM2) => ({ ...base, ...change });
  test.each<[string, object, RegExp, RegExp]>([
    ['another model', with_({ model_type: 'mixtral' }), /^has model_type "mixtral"; Halfstep trains/, /./],
    [
      'YaRN',
      with_({ rope_scaling: { rope_type: 'yarn', factor: 4 } }),
      /^has rope_scaling with rope_type "yarn"; Halfstep computes only/,
      /before its context was extended/,
    ],
    [
      'linear scaling in an old file',
      with_({ rope_scaling: { type: 'linear', factor: 2 } }),
      /rope_scaling with rope_type "linear"/,
      /before its context/,
    ],
    [
      'dynamic scaling in transformers 5',
      with_({ rope_parameters: { rope_type: 'dynamic', rope_theta: 1e4 } }),
      /rope_parameters with rope_type "dynamic"/,
      /before its context/,
    ],
    [
      'half of the channels rotated',
      with_({ rope_parameters: { rope_type: 'default', partial_rotary_factor: 0.5 } }),
      /partial_rotary_factor 0\.5/,
      /before its/,
    ],
    ['the same, beside it', with_({ partial_rotary_factor: 0.25 }), /partial_rotary_factor 0\.25/, /./],
    [
      'scaling without its factors',
      with_({ rope_scaling: { rope_type: 'llama3', factor: 8 } }),
      /rope_scaling of rope_type "llama3" without low_freq_factor/,
      /./,
    ],
    [
      'a factor that is none',
      with_({ rope_scaling: { ...LLAMA3_SCALING, factor: -8 } }),
      /rope_scaling with factor -8, which is not a positive number/,
      /./,
    ],
    ['scaling that is no object', with_({ rope_scaling: 'llama3' }), /rope_scaling "llama3", which is/, /./],
    ['no base', with_({ rope_theta: 0 }), /rope_theta 0, which is not a positive number/, /./],
    [
      'a sliding window',
      with_({ model_type: 'mistral', sliding_window: 4096 }),
      /^has sliding_window 4096 in a context \(max_position_embeddings\) of 8192/,
      /set max_position_embeddings to at most that/,
    ],
    [
      'the sliding window that Mistral has by default',
      with_({ model_type: 'mistral' }),
      /^has sliding_window 4096 in a context/,
      /max_position_embeddings/,
    ],
    [
      'a sliding window of Qwen',
      with_({ model_type: 'qwen2', use_sliding_window: true, sliding_window: 512 }, QWEN),
      /^has sliding_window 512 in a context .* of 32768/,
      /./,
    ],
    [
      'linear attention',
      with_({ model_type: 'qwen3', layer_types: ['full_attention', 'linear_attention'] }, QWEN),
      /layer_types with "linear_attention"/,
      /./,
    ],
    ['experts', with_({ num_local_experts: 8 }), /^has num_local_experts 8/, /dense model/],
    ['experts of Qwen', with_({ model_type: 'qwen3', num_experts: 128 }, QWEN), /num_experts 128/, /dense/],
    [
      'another activation',
      with_({ hidden_act: 'relu' }),
      /^has hidden_act "relu"; Halfstep trains only silu/,
      /./,
    ],
    ['exact GELU', with_({ hidden_act: 'gelu' }), /^has hidden_act "gelu"; Halfstep trains only silu/, /./],
    [
      'biases of attention alone',
      with_({ attention_bias: true }),
      /attention_bias true without mlp_bias/,
      /./,
    ],
    ['biases of the MLP alone', with_({ mlp_bias: true }), /mlp_bias true without attention_bias/, /./],
    [
      'biases of Qwen 3',
      with_({ model_type: 'qwen3', attention_bias: true }, QWEN),
      /attention_bias true without mlp_bias/,
      /./,
    ],
    [
      'quantised weights',
      with_({ quantization_config: { bits: 4 } }),
      /quantization_config an/,
      /dequantize/,
    ],
    ['no context', with_({ max_position_embeddings: undefined }), /^has no max_position_embeddings$/, /./],
    ['half a key', with_({ num_key_value_heads: 1.5 }), /num_key_value_heads 1\.5, which is not a/, /./],
    ['an infinite epsilon', with_({ rms_norm_eps: '1e-5' }), /rms_norm_eps "1e-5", which is not a pos/, /./],
  ])('%s', async (_, json, message, hint) => {
    const error = await read(json).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(CompanionFileError);
    expect((error as Error).message).toMatch(message);
    expect((error as CompanionFileError).hint ?? '-').toMatch(hint);
  });
});

const SHAPE = {
  ...{ layers: 2, heads: 4, width: 32, context: 64, vocabulary: 65, tied: true },
} satisfies Partial<GptConfig>;

describe('is written', () => {
  const variants: Partial<GptConfig>[] = [
    {},
    { keyValueHeads: 2, headSize: 16, intermediate: 96, normEpsilon: 1e-6 },
    { ropeBase: 500_000, ropeScaling: 'llama3:32:1:4:8192', tied: false },
  ];
  test.each(FAMILY_NAMES.filter((family) => family !== 'gpt2'))('for %s as it is read', async (family) => {
    for (const variant of variants) {
      const gpt: GptConfig = { ...kindsOfFamily(family), ...SHAPE, ...variant };
      expect(familiesOf(gpt)).toContain(family);
      const json = JSON.parse(configJson(gpt, 'BF16', { kind: 'byte' }, family));
      const { family: again, stated } = await read(json);
      expect(again).toBe(family);
      expect({ ...kindsOfFamily(family), ...stated, keyValueHeads: null, headSize: null }).toEqual({
        ...gpt,
        intermediate: stated.intermediate,
        ...{ keyValueHeads: null, headSize: null },
      });
      expect(stated).toMatchObject({
        keyValueHeads: variant.keyValueHeads ?? SHAPE.heads,
        headSize: variant.headSize ?? SHAPE.width / SHAPE.heads,
      });
      expect(json.torch_dtype).toBe('bfloat16');
    }
  });
});

test.each<[object, FamilyName | RegExp]>([
  [{}, 'gpt2'],
  [{ mlp: 'relu2' }, 'gpt2'],
  [{ ...kindsOfFamily('llama') }, 'llama'],
  [{ ...kindsOfFamily('llama'), mlp: 'geglu', keyValueHeads: 2 }, 'llama'],
  [{ ...kindsOfFamily('llama'), biases: 'all' }, 'llama'],
  [{ ...kindsOfFamily('qwen2') }, 'qwen2'],
  [{ ...kindsOfFamily('qwen3'), headSize: 16 }, 'qwen3'],
  [{ norm: 'rmsnorm' }, /has norm rmsnorm, which no model in Hugging Face's libraries has; GPT-2 comes/],
  [{ keyValueHeads: 2 }, /has kv-heads 2, which/],
  [{ ...kindsOfFamily('llama'), logitSoftCap: 30 }, /has logit-soft-cap 30, .*; Llama comes nearest/],
  [
    { ...kindsOfFamily('llama'), layerScale: 0.1, attentionSoftCap: 50 },
    /has attention-soft-cap 50 and layer-scale 0\.1, which/,
  ],
])('an export of %j takes the family that fits', (change, expected) => {
  const gpt: GptConfig = { ...GPT2_KINDS, ...SHAPE, ...change };
  if (typeof expected === 'string') expect(exportedFamily(gpt)).toBe(expected);
  else expect(() => exportedFamily(gpt)).toThrow(expected);
});
