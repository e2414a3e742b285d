/** Opens the files of a model that a run can start from. */

import { type GptConfig, mlpWidth } from '../config/gptConfig.ts';
import { EngineError } from '../core/errors.ts';
import { quote } from '../core/strictJson.ts';
import { GPT2_VOCABULARY } from '../data/gpt2.ts';
import { type Tokenizer, type TokenizerChoice, type TokenizerJson, tokensIn } from '../data/tokenizer.ts';
import { readTokenizerJson } from '../data/tokenizerJson.ts';
import { parameterSpecs } from '../model/decoder.ts';
import { CompanionFileError, type CompanionFiles, wrongCompanionFile } from './beside.ts';
import { type DocumentIds, generationIds } from './documentIds.ts';
import { FAMILIES, type FamilyName, kindsOfFamily } from './families.ts';
import {
  HEAD,
  isHeadTied,
  likelyFamily,
  type ModelWeights,
  modelWeights,
  type NamedTensors,
  namedTensors,
  sizesOfTensors,
  wrongModel,
} from './familyWeights.ts';
import { isGguf } from './ggufHeader.ts';
import { openGgufModel } from './ggufModel.ts';
import { TOKENIZER_KEY } from './metadataKeys.ts';
import type { ConfigContents } from './modelConfig.ts';
import { readTokenizer } from './modelTokenizer.ts';
import { isRunFile } from './openRun.ts';
import type { RandomAccess } from './randomAccess.ts';
import { openSafetensors } from './safetensors.ts';
import { isShardIndex, loneShard, openShards, shardCount } from './shards.ts';
import { type ShownByTensors, statedConfig } from './statedConfig.ts';
import { type StoredWeights, storedWeights } from './storedWeights.ts';

/** What a model's files say about its shape. The number of heads of a GPT-2 does not show in its weights. */
export type WeightsShape = Omit<GptConfig, 'heads'>;

export interface ModelFile {
  /** Name of the file, for messages. */
  readonly name: string;
  readonly family: FamilyName;
  readonly shape: WeightsShape;
  /** Null when neither the file nor its config.json states it. */
  readonly heads: number | null;
  /** From the metadata of a file that Halfstep wrote, or from its tokenizer.json; null when neither exists. */
  readonly tokenizer: TokenizerJson | null;
  /** The tokenizer that the vocabulary size suggests, when `tokenizer` is null. */
  readonly likelyTokenizer: TokenizerChoice | null;
  /** Sentences for the user: what was assumed about the file, and which companion files were ignored. */
  readonly notes: readonly string[];
  readonly weights: ModelWeights;
}

/**
 * Reads the description of a model. Of the tensors it reads only what shows whether the LM head is tied to the token
 * embedding. Companion files are checked against the weights. A file that Halfstep wrote describes itself completely, so
 * that a config.json that contradicts it is ignored, with a note.
 * @param source a safetensors file, the index of one that is split into shards, or a GGUF file, which describes itself
 * @throws EngineError BAD_FILE or WRONG_MODEL saying what is wrong with the file or with a companion file
 */
export async function openModel(source: RandomAccess, beside: CompanionFiles): Promise<ModelFile> {
  if (await isGguf(source)) {
    const { weights, config, tokenizer } = await openGgufModel(source);
    return modelOf(weights, { config, tokenizer: null }, tokenizer);
  }
  const stored = await openWeights(source, beside);
  return modelOf(stored, beside, metadataTokenizer(stored));
}

/** @param own the tokenizer that the weights' own file has */
async function modelOf(
  stored: StoredWeights,
  beside: CompanionFiles,
  own: TokenizerJson | null,
): Promise<ModelFile> {
  const { name } = stored;
  const tensors = namedTensors(stored);
  const shown = shownByTensors(name, tensors);
  const notes: string[] = [];
  const config = await statedConfig(stored, shown, beside.config, notes);
  const shape = await shapeOf(name, tensors, shown, config);
  const heads = config.stated.heads ?? null;
  const weights = modelWeights(name, tensors, config.family, { ...shape, heads: heads ?? 1 });
  const found = own === null ? await tokenizerBeside(name, beside, config.ids, notes) : null;
  const tokenizer = own ?? found;
  if (tokenizer && tokensIn(tokenizer) > shape.vocabulary) {
    throw wrongModel(
      name,
      `has ${shape.vocabulary} tokens, but its tokenizer${found ? ' (the tokenizer.json beside it)' : ''} has ${tokensIn(tokenizer)}`,
    );
  }
  if (config.family === 'gpt2' && weights.linear && !config.stated.mlp) notes.push(EXACT_GELU);
  return {
    name,
    family: config.family,
    shape,
    heads,
    tokenizer,
    likelyTokenizer: !tokenizer && shape.vocabulary === GPT2_VOCABULARY ? 'gpt2' : null,
    notes,
    weights,
  };
}

async function openWeights(source: RandomAccess, { shard }: CompanionFiles): Promise<StoredWeights> {
  if (isShardIndex(source.name)) return openShards(source, shard ?? (async () => null));
  if (shardCount(source.name) > 1) throw loneShard(source.name);
  const file = await openSafetensors(source);
  if (isRunFile(file)) throw savedRun(source.name);
  return storedWeights(file);
}

function shownByTensors(file: string, tensors: NamedTensors): ShownByTensors {
  const family = likelyFamily(file, tensors);
  return { family, sizes: sizesOfTensors(file, tensors, family), head: tensors.has(HEAD) };
}

/** @throws EngineError WRONG_MODEL when only config.json can say what is missing, and there is none */
async function shapeOf(
  file: string,
  tensors: NamedTensors,
  shown: ShownByTensors,
  { family, stated }: ConfigContents,
): Promise<WeightsShape> {
  const { sizes } = shown;
  const { heads, ...others } = stated;
  const { context = sizes.context } = stated;
  if (context === undefined) {
    throw wrongModel(
      file,
      `has the tensors of a ${FAMILIES[family].title}, but there is no config.json beside it`,
      'Put its config.json beside it, or choose both together: heads, context and RoPE do not show in tensors.',
    );
  }
  const tied = await isHeadTied(file, tensors, shown.family, stated.tied);
  return withoutUsual({ ...kindsOfFamily(family), ...others, ...sizes, context, tied }, heads ?? null);
}

/** Sizes that are the usual ones are null, so that they follow from the others. */
function withoutUsual(shape: WeightsShape, heads: number | null): WeightsShape {
  const { width, keyValueHeads, headSize, intermediate } = shape;
  const usual = { ...shape, intermediate: null };
  return {
    ...shape,
    keyValueHeads: keyValueHeads === heads ? null : keyValueHeads,
    headSize: heads !== null && headSize === width / heads ? null : headSize,
    intermediate: intermediate === mlpWidth(usual) ? null : intermediate,
  };
}

/** The error for a saved run. Without it, the first tensor of the optimizer would be reported as unknown. */
function savedRun(name: string): EngineError {
  return new EngineError(
    'WRONG_MODEL',
    `"${name}" is a saved run, and not a model.`,
    'Resume it with --resume. To start a new run from its weights, write its model with --resume FILE --export DIR, and give that folder to --init.',
  );
}

const EXACT_GELU =
  'Its matrices are laid out as in nanoGPT, and no config.json names the activation function, so the tanh approximation of GELU is used, as in GPT-2. A model that was trained with exact GELU, as in newer versions of nanoGPT, starts with a slightly higher loss.';

/** @param config ids that config.json names */
async function tokenizerBeside(
  file: string,
  { tokenizer: source, generation }: CompanionFiles,
  config: DocumentIds,
  notes: string[],
): Promise<TokenizerJson | null> {
  if (!source) return null;
  const ids = generation ? await generationBeside(file, generation, config) : config;
  try {
    const { tokenizer, added, unused } = await readTokenizer(source, ids);
    if (added.length > 0) {
      notes.push(
        `Special tokens that its ${source.name} adds are read as ordinary text: ${added.slice(0, 4).map(quote).join(', ')}${added.length > 4 ? ` and ${added.length - 4} more` : ''}.`,
      );
    }
    if (unused.length > 0) {
      notes.push(
        `Ids of eos_token_id that are no end tokens of its ${source.name} are not used: ${unused.slice(0, 4).join(', ')}.`,
      );
    }
    return tokenizer;
  } catch (cause) {
    if (!(cause instanceof CompanionFileError)) throw cause;
    throw wrongCompanionFile(
      file,
      source.name,
      cause,
      'Remove the file only if the model was trained with the tokenizer that you choose for the text.',
    );
  }
}

async function generationBeside(
  file: string,
  source: RandomAccess,
  config: DocumentIds,
): Promise<DocumentIds> {
  try {
    return await generationIds(source, config);
  } catch (cause) {
    if (!(cause instanceof CompanionFileError)) throw cause;
    const hint = 'Correct it, or remove the file: the tokens that end a text are then those of config.json.';
    throw wrongCompanionFile(file, source.name, cause, hint);
  }
}

/** The tokenizer in the metadata of a file that Halfstep wrote. @throws EngineError BAD_FILE when it is damaged */
function metadataTokenizer({ name, metadata }: StoredWeights): TokenizerJson | null {
  const said = metadata.get(TOKENIZER_KEY);
  return said === undefined ? null : readTokenizerJson(said, name);
}

/**
 * Reads every parameter by name, as `createTrainer` takes them: (rows * columns) f32.
 * @throws EngineError NOT_FINITE, BAD_FILE or WRONG_MODEL, as `readFloats`
 */
export async function readModel(shape: GptConfig, weights: ModelWeights): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const { name } of parameterSpecs(shape)) values.set(name, await weights.read(name));
  return values;
}

/**
 * @param fill what the user can do to pad the vocabulary, for the hint; '' when nothing, null when it is already padded
 * @throws EngineError WRONG_MODEL with both numbers when the vocabularies do not match
 */
export function checkVocabulary(
  { name, shape, tokenizer: own }: Pick<ModelFile, 'name' | 'shape' | 'tokenizer'>,
  tokenizer: Pick<Tokenizer, 'kind' | 'vocabulary'>,
  fill: string | null,
): void {
  const fewer = tokenizer.vocabulary < shape.vocabulary;
  if (own || tokenizer.vocabulary === shape.vocabulary || (fill === null && fewer)) return;
  throw new EngineError(
    'WRONG_MODEL',
    `"${name}" has ${shape.vocabulary} tokens, but the ${tokenizer.kind} tokenizer has ${tokenizer.vocabulary} for this text.`,
    `Use the tokenizer and text that it was trained with${fewer && fill ? `, or ${fill} if its other tokens are only padding` : ''}.`,
  );
}
