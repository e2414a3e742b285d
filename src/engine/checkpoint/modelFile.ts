/** A GPT-2 in a file that a run can start from. */

import { GPT2_KINDS, type GptConfig, MLP_KINDS, type MlpKind } from '../config/gptConfig.ts';
import { EngineError } from '../core/errors.ts';
import { quote } from '../core/strictJson.ts';
import { GPT2_VOCABULARY } from '../data/gpt2.ts';
import { BYTES } from '../data/pairModel.ts';
import type { Tokenizer, TokenizerChoice, TokenizerJson } from '../data/tokenizer.ts';
import { readTokenizerJson } from '../data/tokenizerJson.ts';
import { parameterSpecs } from '../model/decoder.ts';
import { BesideProblem, type FilesBeside, wrongBeside } from './beside.ts';
import { type Gpt2Weights, openGpt2, type WeightsShape, wrongModel } from './gpt2.ts';
import { HEADS_KEY, MLP_KEY, TOKENIZER_KEY } from './huggingface.ts';
import { readConfig, type SaidByConfig } from './modelConfig.ts';
import { readTokenizer } from './modelTokenizer.ts';
import type { RandomAccess } from './randomAccess.ts';
import { isRunFile } from './runFile.ts';
import { openSafetensors, type SafetensorsFile } from './safetensors.ts';

export interface ModelFile {
  /** The file's, for messages. */
  readonly name: string;
  readonly shape: WeightsShape;
  /** Null where neither the file nor the configuration beside it says. */
  readonly heads: number | null;
  /** Of a file that Halfstep wrote, or of the tokenizer.json beside it; null where the text's must do. */
  readonly tokenizer: TokenizerJson | null;
  /** What the number of tokens suggests, where nothing says what tokenizer the model has. */
  readonly likelyTokenizer: TokenizerChoice | null;
  /** What was assumed of the file, and what was left out that lies beside it: sentences. */
  readonly notes: readonly string[];
  readonly weights: Gpt2Weights;
}

/**
 * Reads what a model is; of its tensors only what tells whether the LM head is the token embedding. What lies beside the
 * file is held against it: a file that Halfstep wrote says all of it itself, and another model's configuration is left out.
 * @throws EngineError BAD_FILE or WRONG_MODEL naming what is wrong with the file or with one beside it
 */
export async function openModel(source: RandomAccess, beside: FilesBeside): Promise<ModelFile> {
  const file = await openSafetensors(source);
  if (isRunFile(file)) throw savedRun(source.name);
  const weights = await openGpt2(file);
  const ownMlp = metadataMlp(file);
  const notes: string[] = [];
  const config = beside.config && (await configBeside(file, beside.config, weights.shape, notes));
  const shape = { ...weights.shape, mlp: ownMlp ?? config?.mlp ?? weights.shape.mlp };
  const own = metadataTokenizer(file);
  const found =
    own === null && beside.tokenizer ? await tokenizerBeside(source.name, beside.tokenizer, notes) : null;
  const tokenizer = own ?? found;
  if (tokenizer && tokenCount(tokenizer) > shape.vocabulary) {
    throw wrongModel(
      source.name,
      `has ${shape.vocabulary} tokens, but its tokenizer${found ? ' (the tokenizer.json beside it)' : ''} ${tokenCount(tokenizer)}`,
    );
  }
  if (weights.linear && !(ownMlp ?? config?.mlp)) notes.push(EXACT_GELU);
  return {
    name: source.name,
    shape,
    heads: metadataHeads(file) ?? config?.heads ?? null,
    tokenizer,
    likelyTokenizer: !tokenizer && shape.vocabulary === GPT2_VOCABULARY ? 'gpt2' : null,
    notes,
    weights,
  };
}

/** Its tensors are a model's and an optimizer's: the first one of those would else be named as a stranger. */
function savedRun(name: string): EngineError {
  return new EngineError(
    'WRONG_MODEL',
    `"${name}" is a saved run, and not a model.`,
    'Resume it with --resume. To start a new run from its weights, write its model with --resume FILE --export DIR, and give that folder to --init.',
  );
}

const EXACT_GELU =
  "Its matrices lie as nanoGPT's, and no config.json names the activation function: GELU is computed with tanh, as GPT-2 does. A model that was trained with the exact one, as newer versions of nanoGPT have it, starts with a slightly higher loss.";

/** What the configuration says; null where the file itself says all, and the configuration is another model's. */
async function configBeside(
  file: SafetensorsFile,
  source: RandomAccess,
  shape: WeightsShape,
  notes: string[],
): Promise<SaidByConfig | null> {
  const heads = metadataHeads(file);
  const mlp = metadataMlp(file);
  try {
    const config = await readConfig(source, shape);
    if (heads !== null && heads !== config.heads)
      throw new BesideProblem(`says n_head ${config.heads} where the metadata of the weights say ${heads}`);
    if (mlp !== null && config.mlp !== null && mlp !== config.mlp)
      throw new BesideProblem(
        `names the activation function ${config.mlp} where the metadata of the weights name ${mlp}`,
      );
    return config;
  } catch (cause) {
    if (!(cause instanceof BesideProblem)) throw cause;
    if (heads === null || !file.metadata.has(TOKENIZER_KEY)) {
      throw wrongBeside(
        file.source.name,
        source.name,
        cause,
        "Put the model's own config.json there. Without any, the number of heads has to be given.",
      );
    }
    notes.push(`The ${source.name} beside it ${cause.message}: it is another model's, and was left out.`);
    return null;
  }
}

async function tokenizerBeside(file: string, source: RandomAccess, notes: string[]): Promise<TokenizerJson> {
  try {
    const { tokenizer, added } = await readTokenizer(source);
    if (added.length > 0) {
      notes.push(
        `The text is not searched for the special tokens that its ${source.name} adds: ${added.slice(0, 4).map(quote).join(', ')}${added.length > 4 ? ` and ${added.length - 4} more` : ''}.`,
      );
    }
    return tokenizer;
  } catch (cause) {
    if (!(cause instanceof BesideProblem)) throw cause;
    throw wrongBeside(
      file,
      source.name,
      cause,
      "Halfstep reads GPT-2's tokenizer and those that it exports, and would give the model other tokens than it has learned. Leave the file out only where the text's own tokens are the model's.",
    );
  }
}

/** Of a file that Halfstep wrote. @throws EngineError BAD_FILE where it was damaged */
function metadataTokenizer({ metadata, source }: SafetensorsFile): TokenizerJson | null {
  const said = metadata.get(TOKENIZER_KEY);
  return said === undefined ? null : readTokenizerJson(said, source.name);
}

/** Tokens that texts can have. */
function tokenCount(tokenizer: TokenizerJson): number {
  switch (tokenizer.kind) {
    case 'byte':
      return BYTES;
    case 'char':
      return [...tokenizer.characters].length;
    case 'bpe':
      return BYTES + tokenizer.pairs.length / 2;
    case 'gpt2':
      return GPT2_VOCABULARY;
  }
}

/** Heads of GPT-2's width: what a width has where nobody says how many. */
export function usualHeads(width: number): number {
  return Math.max(1, Math.round(width / 64));
}

/**
 * Every parameter by name, as `createTrainer` takes them: (rows * columns) f32.
 * @throws EngineError NOT_FINITE, BAD_FILE or WRONG_MODEL, as `readFloats`
 */
export async function readModel(shape: GptConfig, weights: Gpt2Weights): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const { name } of parameterSpecs(shape)) values.set(name, await weights.read(name));
  return values;
}

/**
 * @param fill how to say that a vocabulary is to be filled up, where that can be said; null where it was said
 * @throws EngineError WRONG_MODEL with both numbers when the file's tokens cannot be the text's
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
    `"${name}" has ${shape.vocabulary} tokens, but the ${tokenizer.kind} tokenizer makes ${tokenizer.vocabulary} of this text.`,
    `Use the tokenizer and text that it was trained with${fewer && fill ? `, or ${fill} where its further tokens are only padding` : ''}.`,
  );
}

/** An export that names none is of a version without others. @throws EngineError WRONG_MODEL where the metadata name an unknown kind */
function metadataMlp({ metadata, source }: SafetensorsFile): MlpKind | null {
  const said = metadata.get(MLP_KEY) ?? (metadata.has(TOKENIZER_KEY) ? GPT2_KINDS.mlp : undefined);
  const known = MLP_KINDS.find((kind) => kind === said);
  if (said === undefined || known) return known ?? null;
  throw wrongModel(
    source.name,
    `has metadata with ${MLP_KEY} ${quote(said)}, which this version does not have`,
  );
}

/** @throws EngineError WRONG_MODEL where the metadata have no such number */
function metadataHeads({ metadata, source }: SafetensorsFile): number | null {
  const heads = metadata.get(HEADS_KEY);
  if (heads === undefined) return null;
  if (/^[1-9]\d{0,5}$/.test(heads)) return Number(heads);
  throw wrongModel(source.name, `has metadata with ${HEADS_KEY} ${quote(heads)}, which is no whole number`);
}
