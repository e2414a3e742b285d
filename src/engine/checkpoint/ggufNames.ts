/**
 * What the families are called in GGUF files: their tensors, and the keys of the metadata for their sizes. Llama's rows of q
 * and k are stored in another order, because llama.cpp rotates neighbouring channels.
 */
import type { MlpKind } from '../config/gptConfig.ts';
import type { FamilyName, Size } from './families.ts';

export interface GgufFamily {
  /** `general.architecture`, which begins the keys of sizes. */
  readonly architecture: string;
  /** Names of the sizes in the metadata, after the architecture. */
  readonly keys: Readonly<Partial<Record<Size, string>>>;
  /** Names of modules by their names in Hugging Face's files, without the block's prefix. */
  readonly modules: Readonly<Record<string, string>>;
  /** Modules whose rows are stored in pairs of channels that are rotated together. */
  readonly paired: readonly string[];
  /** The MLP that llama.cpp computes. No key of the metadata says another. */
  readonly mlp: MlpKind;
  /** Whether llama.cpp reads Llama 3's scaling of RoPE. */
  readonly scaled: boolean;
}

const SIZES: GgufFamily['keys'] = {
  layers: 'block_count',
  heads: 'attention.head_count',
  keyValueHeads: 'attention.head_count_kv',
  headSize: 'attention.key_length',
  width: 'embedding_length',
  intermediate: 'feed_forward_length',
  context: 'context_length',
  normEpsilon: 'attention.layer_norm_rms_epsilon',
};

const GPT2: GgufFamily = {
  architecture: 'gpt2',
  keys: {
    layers: SIZES.layers!,
    heads: SIZES.heads!,
    width: SIZES.width!,
    intermediate: SIZES.intermediate!,
    context: SIZES.context!,
    normEpsilon: 'attention.layer_norm_epsilon',
  },
  modules: {
    wte: 'token_embd',
    wpe: 'position_embd',
    ln_f: 'output_norm',
    lm_head: 'output',
    ln_1: 'attn_norm',
    ln_2: 'ffn_norm',
    'attn.c_attn': 'attn_qkv',
    'attn.c_proj': 'attn_output',
    'mlp.c_fc': 'ffn_up',
    'mlp.c_proj': 'ffn_down',
  },
  paired: [],
  mlp: 'gelu',
  scaled: false,
};

const LLAMA: GgufFamily = {
  architecture: 'llama',
  keys: SIZES,
  modules: {
    embed_tokens: 'token_embd',
    norm: 'output_norm',
    lm_head: 'output',
    input_layernorm: 'attn_norm',
    'self_attn.q_proj': 'attn_q',
    'self_attn.k_proj': 'attn_k',
    'self_attn.v_proj': 'attn_v',
    'self_attn.q_norm': 'attn_q_norm',
    'self_attn.k_norm': 'attn_k_norm',
    'self_attn.o_proj': 'attn_output',
    post_attention_layernorm: 'ffn_norm',
    'mlp.gate_proj': 'ffn_gate',
    'mlp.up_proj': 'ffn_up',
    'mlp.down_proj': 'ffn_down',
  },
  paired: ['self_attn.q_proj', 'self_attn.k_proj'],
  mlp: 'swiglu',
  scaled: true,
};

export const GGUF_FAMILIES: Readonly<Record<FamilyName, GgufFamily>> = {
  gpt2: GPT2,
  llama: LLAMA,
  mistral: LLAMA,
  qwen2: { ...LLAMA, architecture: 'qwen2', paired: [], scaled: false },
  qwen3: { ...LLAMA, architecture: 'qwen3', paired: [], scaled: false },
};

/** The name of a family's tensor without the family's prefix, in its parts. */
interface TensorName {
  readonly block: number | null;
  readonly module: string;
  readonly end: string;
}

/** @param blocks what stands before the number of a block in Hugging Face's files */
export function partsOf(name: string, blocks: string): TensorName {
  const end = /\.(weight|bias)$/.exec(name)?.[0] ?? '';
  const local = name.slice(0, name.length - end.length);
  const block = local.startsWith(blocks) ? /^(\d+)\.(.+)$/.exec(local.slice(blocks.length)) : null;
  return block ? { block: Number(block[1]), module: block[2]!, end } : { block: null, module: local, end };
}

/** The name in a GGUF file. @throws RangeError for a module that the family does not have */
export function ggufName(family: FamilyName, { block, module, end }: TensorName): string {
  const name = GGUF_FAMILIES[family].modules[module];
  if (!name) throw new RangeError(`GGUF has no ${module}`);
  return `${block === null ? '' : `blk.${block}.`}${name}${end}`;
}

/** The parts of a name in a GGUF file, with the module as Hugging Face's files call it; null for other names. */
export function readGgufName(family: FamilyName, name: string): TensorName | null {
  const found = /^(?:blk\.(\d+)\.)?([^.]+)(\.weight|\.bias)$/.exec(name);
  if (!found) return null;
  const modules = Object.entries(GGUF_FAMILIES[family].modules);
  const module = modules.find(([, gguf]) => gguf === found[2])?.[0];
  if (module === undefined) return null;
  return { block: found[1] === undefined ? null : Number(found[1]), module, end: found[3]! };
}

/**
 * Reorders the rows of q or k between halves, whose channels i and i + D / 2 are rotated together, and pairs, whose channels
 * 2 i and 2 i + 1 are.
 * @param values (rows, columns), or (rows) of a bias, with columns 1
 */
export function reorderRows(
  values: Float32Array,
  rows: number,
  headSize: number,
  to: 'pairs' | 'halves',
): Float32Array {
  const columns = values.length / rows;
  const out = new Float32Array(values.length);
  const half = headSize / 2;
  for (let row = 0; row < rows; row++) {
    const inHead = row % headSize;
    const first = row - inHead;
    const paired = first + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
    const [from, into] = to === 'pairs' ? [row, paired] : [paired, row];
    out.set(values.subarray(from * columns, (from + 1) * columns), into * columns);
  }
  return out;
}
