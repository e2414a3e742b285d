/**
 * The families of models in Hugging Face's libraries that the engine's decoder can represent: what each computes, and what
 * its config.json and tensors are called. Imports, exports and messages derive from this table.
 */
import { GPT2_KINDS, type GptConfig, type MlpKind } from '../config/gptConfig.ts';
import { checkUsualScale } from '../config/mup.ts';
import { rowOf } from '../config/settings/table.ts';
import { EngineError } from '../core/errors.ts';

/** In the order in which an export takes the first that fits. */
export const FAMILY_NAMES = ['gpt2', 'llama', 'qwen2', 'qwen3', 'mistral'] as const;
/** The `model_type` of config.json. */
export type FamilyName = (typeof FAMILY_NAMES)[number];

/** Sizes of a model that config.json states as numbers. */
export const SIZES = [
  'layers',
  'heads',
  'keyValueHeads',
  'headSize',
  'width',
  'intermediate',
  'context',
  'vocabulary',
  'normEpsilon',
] as const satisfies readonly (keyof GptConfig)[];
export type Size = (typeof SIZES)[number];

/** Fields whose values belong to a family's architecture, and not to the size of one of its models. */
type Kind =
  | 'norm'
  | 'position'
  | 'mlp'
  | 'biases'
  | 'qkNorm'
  | 'attentionSoftCap'
  | 'logitSoftCap'
  | 'layerScale';

export interface Family {
  readonly title: string;
  /** The class of transformers that has the LM head. */
  readonly architecture: string;
  /** The values that the class can compute; the first is what an absent key means. */
  readonly kinds: { readonly [Of in Kind]: readonly GptConfig[Of][] };
  /** Sizes that the class cannot have other than as the engine's default. */
  readonly fixedSizes: readonly ('keyValueHeads' | 'headSize')[];
  /** What the class has for sizes that config.json leaves out, where that does not follow from others. */
  readonly defaults: Readonly<{ normEpsilon: number; headSize?: number }>;
  /** Sizes that do not show in the tensors, and that config.json must have. */
  readonly stated: readonly Size[];
  /** Names of the sizes in config.json. */
  readonly keys: Readonly<Partial<Record<Size, string>>>;
  /** The key of the activation function in config.json, and its names for each kind of MLP; the first is written. */
  readonly activation: {
    readonly key: string;
    readonly names: Readonly<Partial<Record<MlpKind, readonly [string, ...string[]]>>>;
  };
  readonly tensors: FamilyTensors;
}

/** How the tensors of a family are called and laid out. */
export interface FamilyTensors {
  /** Stands before every name but the LM head's. */
  readonly prefix: string;
  /** Stands before the number of a block. */
  readonly blocks: string;
  /** Whether matrices are stored (out, in), as `nn.Linear` has them. Otherwise they are (in, out), as in the engine. */
  readonly linear: boolean;
  /**
   * The modules that hold a parameter of the engine, by the engine's name of the module, without the block. Several hold its
   * outputs one after the other.
   */
  readonly modules: Readonly<Record<string, readonly string[]>>;
}

const GPT2_TENSORS: FamilyTensors = {
  prefix: 'transformer.',
  blocks: 'h.',
  linear: false,
  modules: Object.fromEntries(
    [
      ...['wte', 'wpe', 'ln_f', 'lm_head', 'ln_1', 'ln_2'],
      ...['attn.c_attn', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj'],
    ].map((name) => [name, [name]]),
  ),
};

const LLAMA_TENSORS: FamilyTensors = {
  prefix: 'model.',
  blocks: 'layers.',
  linear: true,
  modules: {
    wte: ['embed_tokens'],
    ln_f: ['norm'],
    lm_head: ['lm_head'],
    ln_1: ['input_layernorm'],
    'attn.c_attn': ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
    'attn.q_norm': ['self_attn.q_norm'],
    'attn.k_norm': ['self_attn.k_norm'],
    'attn.c_proj': ['self_attn.o_proj'],
    ln_2: ['post_attention_layernorm'],
    'mlp.c_fc': ['mlp.gate_proj', 'mlp.up_proj'],
    'mlp.c_proj': ['mlp.down_proj'],
  },
};

const NO_STABILISERS = { attentionSoftCap: [0], logitSoftCap: [0], layerScale: [null] } as const;

/** The activation function of the gate. */
const GATED = { swiglu: ['silu', 'swish'], geglu: ['gelu_pytorch_tanh', 'gelu_new'] } as const;

const LLAMA: Family = {
  title: 'Llama',
  architecture: 'LlamaForCausalLM',
  kinds: {
    norm: ['rmsnorm'],
    position: ['rope'],
    mlp: ['swiglu', 'geglu'],
    biases: ['none', 'all'],
    qkNorm: [false],
    ...NO_STABILISERS,
  },
  fixedSizes: [],
  defaults: { normEpsilon: 1e-6 },
  stated: ['heads', 'context'],
  keys: {
    layers: 'num_hidden_layers',
    heads: 'num_attention_heads',
    keyValueHeads: 'num_key_value_heads',
    headSize: 'head_dim',
    width: 'hidden_size',
    intermediate: 'intermediate_size',
    context: 'max_position_embeddings',
    vocabulary: 'vocab_size',
    normEpsilon: 'rms_norm_eps',
  },
  activation: { key: 'hidden_act', names: GATED },
  tensors: LLAMA_TENSORS,
};

export const FAMILIES: Readonly<Record<FamilyName, Family>> = {
  gpt2: {
    title: 'GPT-2',
    architecture: 'GPT2LMHeadModel',
    kinds: {
      norm: ['layernorm'],
      position: ['learned'],
      mlp: ['gelu', 'relu2'],
      biases: ['all'],
      qkNorm: [false],
      ...NO_STABILISERS,
    },
    fixedSizes: ['keyValueHeads', 'headSize'],
    defaults: { normEpsilon: 1e-5 },
    stated: ['heads'],
    keys: {
      layers: 'n_layer',
      heads: 'n_head',
      width: 'n_embd',
      intermediate: 'n_inner',
      context: 'n_positions',
      vocabulary: 'vocab_size',
      normEpsilon: 'layer_norm_epsilon',
    },
    activation: {
      key: 'activation_function',
      names: { gelu: ['gelu_new', 'gelu_pytorch_tanh'], relu2: ['relu2'] },
    },
    tensors: GPT2_TENSORS,
  },
  llama: LLAMA,
  qwen2: {
    ...LLAMA,
    title: 'Qwen 2',
    architecture: 'Qwen2ForCausalLM',
    kinds: { ...LLAMA.kinds, biases: ['qkv'] },
  },
  qwen3: {
    ...LLAMA,
    title: 'Qwen 3',
    architecture: 'Qwen3ForCausalLM',
    defaults: { ...LLAMA.defaults, headSize: 128 },
    kinds: { ...LLAMA.kinds, biases: ['none'], qkNorm: [true] },
  },
  // Without its sliding window it is a Llama of another name.
  mistral: {
    ...LLAMA,
    title: 'Mistral',
    architecture: 'MistralForCausalLM',
    kinds: { ...LLAMA.kinds, biases: ['none'] },
  },
};

export function isFamily(word: unknown): word is FamilyName {
  return FAMILY_NAMES.some((name) => name === word);
}

/** What every model of a family has, where it leaves a choice the usual one. Fields that it does not decide are GPT-2's. */
export function kindsOfFamily(family: FamilyName): typeof GPT2_KINDS & Pick<GptConfig, Kind> {
  const { kinds } = FAMILIES[family];
  const first = Object.fromEntries(Object.entries(kinds).map(([field, [value]]) => [field, value]));
  return { ...GPT2_KINDS, ...first };
}

/** The fields that decide whether a family has a model. */
type Shaped = Pick<GptConfig, Kind | 'heads' | 'width' | 'keyValueHeads' | 'headSize' | 'mupBase'>;

/** The families whose class computes what the model does; the first is the one that an export takes. */
export function familiesOf(config: Shaped): FamilyName[] {
  return FAMILY_NAMES.filter((family) => misfits(config, family).length === 0);
}

/** The fields of a model whose values the class of a family does not have. */
function misfits(config: Shaped, family: FamilyName): (Kind | 'keyValueHeads' | 'headSize')[] {
  const { kinds, fixedSizes } = FAMILIES[family];
  const usual = { keyValueHeads: config.heads, headSize: config.width / config.heads };
  return [
    ...(Object.keys(kinds) as Kind[]).filter(
      (field) => !(kinds[field] as readonly unknown[]).includes(config[field]),
    ),
    ...fixedSizes.filter((size) => (config[size] ?? usual[size]) !== usual[size]),
  ];
}

/**
 * Refuses models that no family can represent, by what the nearest one does not have.
 * @returns the family that an export takes
 * @throws EngineError BAD_VALUE naming the settings
 */
export function exportedFamily(config: Shaped): FamilyName {
  checkUsualScale(config);
  const [first] = familiesOf(config);
  if (first) return first;
  const wrong = FAMILY_NAMES.map((family) => ({ family, fields: misfits(config, family) }));
  const nearest = wrong.reduce((a, b) => (b.fields.length < a.fields.length ? b : a));
  const has = nearest.fields.map((field) => `${rowOf(field).option} ${config[field]}`);
  throw new EngineError(
    'BAD_VALUE',
    `The model has ${inList(has)}, which no model in Hugging Face's libraries has; ${FAMILIES[nearest.family].title} comes nearest.`,
    'Save the run instead. Halfstep can resume it and sample from it.',
  );
}

function inList(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
