/** Opens a file with a GPT-2 that a run can start from. */

import { GPT2_KINDS, type GptConfig, MLP_KINDS, type MlpKind } from '../config/gptConfig.ts';
import { EngineError } from '../core/errors.ts';
import { quote } from '../core/strictJson.ts';
import { GPT2_VOCABULARY } from '../data/gpt2.ts';
import { type Tokenizer, type TokenizerChoice, type TokenizerJson, tokensIn } from '../data/tokenizer.ts';
import { readTokenizerJson } from '../data/tokenizerJson.ts';
import { parameterSpecs } from '../model/decoder.ts';
import { CompanionFileError, type CompanionFiles, wrongCompanionFile } from './beside.ts';
import { type Gpt2Weights, openGpt2, type WeightsShape, wrongModel } from './gpt2.ts';
import { HEADS_KEY, MLP_KEY, TOKENIZER_KEY } from './huggingface.ts';
import { type ConfigContents, readConfig } from './modelConfig.ts';
import { readTokenizer } from './modelTokenizer.ts';
import type { RandomAccess } from './randomAccess.ts';
import { isRunFile } from './runFile.ts';
import { openSafetensors, type SafetensorsFile } from './safetensors.ts';

export interface ModelFile {
  /** Name of the file, for messages. */
  readonly name: string;
  readonly shape: WeightsShape;
  /** Null when neither the file nor its config.json states it. */
  readonly heads: number | null;
  /** From the metadata of a file that Halfstep wrote, or from its tokenizer.json; null when neither exists. */
  readonly tokenizer: TokenizerJson | null;
  /** The tokenizer that the vocabulary size suggests, when `tokenizer` is null. */
  readonly likelyTokenizer: TokenizerChoice | null;
  /** Sentences for the user: what was assumed about the file, and which companion files were ignored. */
  readonly notes: readonly string[];
  readonly weights: Gpt2Weights;
}

/**
 * Reads the description of a model. Of the tensors it reads only what shows whether the LM head is tied to the token
 * embedding. Companion files are checked against the weights. A file that Halfstep wrote describes itself completely, so
 * that a config.json that contradicts it is ignored, with a note.
 * @throws EngineError BAD_FILE or WRONG_MODEL saying what is wrong with the file or with a companion file
 */
export async function openModel(source: RandomAccess, beside: CompanionFiles): Promise<ModelFile> {
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
  if (tokenizer && tokensIn(tokenizer) > shape.vocabulary) {
    throw wrongModel(
      source.name,
      `has ${shape.vocabulary} tokens, but its tokenizer${found ? ' (the tokenizer.json beside it)' : ''} has ${tokensIn(tokenizer)}`,
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

/** Reads config.json; null when it contradicts a file that describes itself completely. */
async function configBeside(
  file: SafetensorsFile,
  source: RandomAccess,
  shape: WeightsShape,
  notes: string[],
): Promise<ConfigContents | null> {
  const heads = metadataHeads(file);
  const mlp = metadataMlp(file);
  try {
    const config = await readConfig(source, shape);
    if (heads !== null && heads !== config.heads)
      throw new CompanionFileError(
        `says n_head ${config.heads} where the metadata of the weights say ${heads}`,
      );
    if (mlp !== null && config.mlp !== null && mlp !== config.mlp)
      throw new CompanionFileError(
        `names the activation function ${config.mlp} where the metadata of the weights name ${mlp}`,
      );
    return config;
  } catch (cause) {
    if (!(cause instanceof CompanionFileError)) throw cause;
    if (heads === null || !file.metadata.has(TOKENIZER_KEY)) {
      throw wrongCompanionFile(
        file.source.name,
        source.name,
        cause,
        "Put the model's own config.json there, or remove the file and give the number of heads.",
      );
    }
    notes.push(`The ${source.name} beside it ${cause.message}. It belongs to another model and was ignored.`);
    return null;
  }
}

async function tokenizerBeside(file: string, source: RandomAccess, notes: string[]): Promise<TokenizerJson> {
  try {
    const { tokenizer, added } = await readTokenizer(source);
    if (added.length > 0) {
      notes.push(
        `Special tokens that its ${source.name} adds are read as ordinary text: ${added.slice(0, 4).map(quote).join(', ')}${added.length > 4 ? ` and ${added.length - 4} more` : ''}.`,
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

/** The tokenizer in the metadata of a file that Halfstep wrote. @throws EngineError BAD_FILE when it is damaged */
function metadataTokenizer({ metadata, source }: SafetensorsFile): TokenizerJson | null {
  const said = metadata.get(TOKENIZER_KEY);
  return said === undefined ? null : readTokenizerJson(said, source.name);
}

/** Number of heads to assume for a width when no file states it: heads of width 64, as in GPT-2. */
export function usualHeads(width: number): number {
  return Math.max(1, Math.round(width / 64));
}

/**
 * Reads every parameter by name, as `createTrainer` takes them: (rows * columns) f32.
 * @throws EngineError NOT_FINITE, BAD_FILE or WRONG_MODEL, as `readFloats`
 */
export async function readModel(shape: GptConfig, weights: Gpt2Weights): Promise<Map<string, Float32Array>> {
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

/**
 * The kind of MLP in the metadata. An export that names none is from a version that had only GPT-2's.
 * @throws EngineError WRONG_MODEL when the kind is unknown
 */
function metadataMlp({ metadata, source }: SafetensorsFile): MlpKind | null {
  const said = metadata.get(MLP_KEY) ?? (metadata.has(TOKENIZER_KEY) ? GPT2_KINDS.mlp : undefined);
  const known = MLP_KINDS.find((kind) => kind === said);
  if (said === undefined || known) return known ?? null;
  throw wrongModel(
    source.name,
    `has metadata with ${MLP_KEY} ${quote(said)}, which this version does not have`,
  );
}

/** The number of heads in the metadata, if any. @throws EngineError WRONG_MODEL when it is not a number */
function metadataHeads({ metadata, source }: SafetensorsFile): number | null {
  const heads = metadata.get(HEADS_KEY);
  if (heads === undefined) return null;
  if (/^[1-9]\d{0,5}$/.test(heads)) return Number(heads);
  throw wrongModel(
    source.name,
    `has metadata with ${HEADS_KEY} ${quote(heads)}, which is not a whole number`,
  );
}
