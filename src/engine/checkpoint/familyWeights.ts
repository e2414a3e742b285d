/**
 * Reads the weights of a model of one of the families into the engine's parameters. Names may lack the family's prefix, and
 * may have the prefixes of PyTorch's wrappers. A GPT-2's matrices may also be laid out as nanoGPT's, (out, in).
 */
import type { GptConfig } from '../config/gptConfig.ts';
import { EngineError } from '../core/errors.ts';
import { quote } from '../core/strictJson.ts';
import { FAMILIES, FAMILY_NAMES, type FamilyName } from './families.ts';
import { type FamilyTensor, familyTensors, insert } from './familyTensors.ts';
import { type StoredTensor, type StoredWeights, sameBytes } from './storedWeights.ts';

/** The parameters of a model in a file, which are read one at a time. */
export interface ModelWeights {
  /**
   * Reads a parameter in the engine's layout: (rows * columns) f32, including the padding rows of vocabulary matrices.
   * @throws EngineError NOT_FINITE, BAD_FILE or WRONG_MODEL, as `readFloats`
   */
  read(name: string): Promise<Float32Array>;
}

/** Tensors by their names without the family's prefix and without wrappers. */
export type NamedTensors = ReadonlyMap<string, StoredTensor>;

/** Parts that `torch.compile`, DDP, FSDP and activation checkpointing add to the names of modules. */
const WRAPPERS: ReadonlySet<string> = new Set([
  '_orig_mod',
  'module',
  '_fsdp_wrapped_module',
  '_checkpoint_wrapped_module',
]);
const PREFIX = new RegExp(
  `^(${[...new Set(FAMILY_NAMES.map((family) => FAMILIES[family].tensors.prefix.replace('.', '\\.')))].join('|')})`,
);
/** Causal masks and RoPE's frequencies, which older files contain. They are not parameters. */
const BUFFER = /^h\.\d+\.attn\.(masked_)?bias$|(^|\.)rotary_emb\.inv_freq$/;
export const HEAD = 'lm_head.weight';

/** @throws EngineError WRONG_MODEL when two tensors have the same name without prefixes */
export function namedTensors({ name: file, tensors }: StoredWeights): NamedTensors {
  const named = new Map<string, StoredTensor>();
  for (const tensor of tensors.values()) {
    const name = plainName(tensor.name);
    if (BUFFER.test(name)) continue;
    const other = named.get(name);
    if (other) {
      throw wrongModel(
        file,
        `has ${quote(name)} twice, as ${quote(other.name)} and as ${quote(tensor.name)}`,
      );
    }
    named.set(name, tensor);
  }
  return named;
}

function plainName(tensor: string): string {
  const parts = tensor.split('.').filter((part) => !WRAPPERS.has(part));
  return parts.join('.').replace(PREFIX, '');
}

/** The token embedding's name in each family. */
const EMBEDDINGS: ReadonlyMap<string, FamilyName> = new Map([
  [nameIn('gpt2', 'wte'), 'gpt2'],
  [nameIn('llama', 'wte'), 'llama'],
]);

/**
 * The family that the tensors' names suggest. Those of Llama's relatives are the same, apart from biases and norms.
 * @throws EngineError WRONG_MODEL when there is no token embedding of any
 */
export function likelyFamily(file: string, tensors: NamedTensors): FamilyName {
  for (const [name, family] of EMBEDDINGS) {
    if (!tensors.has(name)) continue;
    if (family === 'gpt2') return family;
    if (tensors.has(nameIn('qwen3', 'attn.q_norm', 0))) return 'qwen3';
    return tensors.has(nameIn('qwen2', 'attn.c_attn', 0, 'bias')) ? 'qwen2' : 'llama';
  }
  const missing = [...EMBEDDINGS].map(([name, family]) => `no ${name} (${FAMILIES[family].title})`);
  throw wrongModel(file, `has ${missing.join(' and ')}`);
}

/** The plain name of the first tensor that holds a parameter. */
function nameIn(
  family: FamilyName,
  module: string,
  block: number | null = null,
  end: 'weight' | 'bias' = 'weight',
): string {
  const { blocks, modules } = FAMILIES[family].tensors;
  return `${block === null ? '' : `${blocks}${block}.`}${modules[module]![0]}.${end}`;
}

/** The sizes that tensors show. `context` is there only where positions are learned. */
export type SizesOfTensors = Pick<GptConfig, 'layers' | 'width' | 'vocabulary'> & {
  readonly intermediate: number;
  readonly context?: number;
};

/** @throws EngineError WRONG_MODEL naming a tensor that is missing or no matrix */
export function sizesOfTensors(file: string, tensors: NamedTensors, family: FamilyName): SizesOfTensors {
  const { blocks, modules } = FAMILIES[family].tensors;
  const [vocabulary, width] = matrixShape(file, tensors, nameIn(family, 'wte'), '[vocabulary, width]');
  const numbers = [...tensors.keys()].flatMap((name) => blockNumber(name, blocks) ?? []);
  const inner = matrixShape(file, tensors, nameIn(family, 'mlp.c_fc', 0), 'a matrix');
  return {
    layers: new Set(numbers).size,
    width,
    vocabulary,
    intermediate: inner[0] === width ? inner[1] : inner[0],
    ...(modules.wpe && {
      context: matrixShape(file, tensors, nameIn(family, 'wpe'), '[context, width]')[0],
    }),
  };
}

function blockNumber(name: string, blocks: string): string | undefined {
  return name.startsWith(blocks) ? /^\d+(?=\.)/.exec(name.slice(blocks.length))?.[0] : undefined;
}

function matrixShape(file: string, tensors: NamedTensors, name: string, wanted: string): [number, number] {
  const { name: stored, shape } = required(file, tensors, name);
  if (shape.length === 2 && shape[0]! > 0 && shape[1]! > 0) return [shape[0]!, shape[1]!];
  throw wrongModel(file, `has ${stored} of shape [${shape.join(', ')}], not ${wanted}`);
}

function required(file: string, tensors: NamedTensors, name: string): StoredTensor {
  const tensor = tensors.get(name);
  if (!tensor) throw wrongModel(file, `has no ${name}`);
  return tensor;
}

/**
 * Whether the LM head shares the token embedding. A copy of the embedding is one that is shared, unless it is stated not to
 * be. Both are read.
 * @param stated by config.json, if it states it
 * @throws EngineError WRONG_MODEL when the head is stated to be the embedding and is another matrix
 */
export async function isHeadTied(
  file: string,
  tensors: NamedTensors,
  family: FamilyName,
  stated: boolean | undefined,
): Promise<boolean> {
  const head = tensors.get(HEAD);
  if (!head) return true;
  if (stated === false) return false;
  const isCopy = await sameBytes(head, tensors.get(nameIn(family, 'wte'))!);
  if (isCopy || stated === undefined) return isCopy;
  throw wrongModel(
    file,
    `has an ${HEAD} that is not its token embedding, where its config.json says tie_word_embeddings true`,
    'Set tie_word_embeddings to false there to train the head as it is, or take the config.json of the same model.',
  );
}

/**
 * Finds every tensor of the model and refuses files with others. No tensor is read.
 * @param file name for messages
 * @throws EngineError WRONG_MODEL naming the tensor and both shapes
 */
export function modelWeights(
  file: string,
  tensors: NamedTensors,
  family: FamilyName,
  config: GptConfig,
): ModelWeights & { readonly linear: boolean } {
  const linear = isLinear(tensors, family, config);
  const wanted = familyTensors(config, family, { linear });
  for (const each of wanted) checkTensor(file, required(file, tensors, plainName(each.name)), each, family);
  refuseOthers(file, tensors, family, config, wanted);
  return {
    linear,
    async read(name) {
      const parts = wanted.filter(({ parameter }) => parameter.name === name);
      const { rows, columns } = parts[0]!.parameter;
      const [only] = parts;
      const whole = parts.length === 1 && !only!.transposed && only!.parameter.learnedRows === rows;
      if (whole) return tensors.get(plainName(only!.name))!.floats();
      const values = new Float32Array(rows * columns);
      for (const part of parts) insert(await tensors.get(plainName(part.name))!.floats(), part, values);
      return values;
    },
  };
}

/** The first projection of a GPT-2, which is never square, shows how a file has all matrices. */
function isLinear(tensors: NamedTensors, family: FamilyName, config: GptConfig): boolean {
  const { linear } = FAMILIES[family].tensors;
  if (linear) return true;
  const [first] = familyTensors(config, family, { linear: true }).filter(({ transposed }) => transposed);
  const stored = first && tensors.get(plainName(first.name));
  return stored !== undefined && sameShape(stored.shape, first!.shape);
}

function checkTensor(file: string, stored: StoredTensor, wanted: FamilyTensor, family: FamilyName): void {
  if (sameShape(stored.shape, wanted.shape)) return;
  const isProjection = wanted.parameter.rowsOf === 'inputs';
  const turned = [...wanted.shape].reverse();
  const eitherWay = isProjection && !FAMILIES[family].tensors.linear && !sameShape(turned, wanted.shape);
  if (eitherWay && sameShape(stored.shape, turned)) {
    throw wrongModel(
      file,
      `has ${nameIn(family, 'attn.c_attn', 0)} and ${plainName(stored.name)} in different layouts, (in, out) and (out, in)`,
    );
  }
  const [a, b] = wanted.transposed ? [turned, wanted.shape] : [wanted.shape, turned];
  const shapes = eitherWay ? `[${a.join(', ')}] or [${b.join(', ')}]` : `[${wanted.shape.join(', ')}]`;
  throw wrongModel(
    file,
    `has ${plainName(stored.name)} of shape [${stored.shape.join(', ')}], not ${shapes}`,
    FAMILIES[family].tensors.linear
      ? 'Its config.json does not fit its tensors. Take both from the same model.'
      : undefined,
  );
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

function refuseOthers(
  file: string,
  tensors: NamedTensors,
  family: FamilyName,
  { layers }: GptConfig,
  wanted: readonly FamilyTensor[],
): void {
  const known = new Set([...wanted.map(({ name }) => plainName(name)), HEAD]);
  const other = [...tensors].find(([name]) => !known.has(name))?.[1];
  if (!other) return;
  throw wrongModel(
    file,
    `has ${other.name} [${other.shape.join(', ')}], which a ${FAMILIES[family].title} of ${layers} layers does not have`,
  );
}

/** The error for a file whose tensors are no model that the engine trains. */
export function wrongModel(
  file: string,
  what: string,
  hint = 'Give a language model of GPT-2, Llama, Mistral or Qwen from Hugging Face, of nanoGPT (with biases), or of Halfstep.',
): EngineError {
  return new EngineError('WRONG_MODEL', `"${file}" ${what}.`, hint);
}
