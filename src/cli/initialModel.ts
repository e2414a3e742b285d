/** `--init FILE`: a GPT-2 that a run starts from. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Gpt2Weights, openGpt2 } from '../engine/checkpoint/gpt2.ts';
import { HEADS_KEY, headsOfConfig, TOKENIZER_KEY } from '../engine/checkpoint/huggingface.ts';
import { openSafetensors } from '../engine/checkpoint/safetensors.ts';
import { choiceOf, type Tokenizer, type TokenizerJson } from '../engine/data/tokenizer.ts';
import { readTokenizerJson } from '../engine/data/tokenizerJson.ts';
import { EngineError } from '../engine/errors.ts';
import type { GptConfig } from '../engine/model/config.ts';
import { parameterSpecs } from '../engine/model/parameters.ts';
import type { Overrides } from '../engine/train/configure.ts';
import { fileSource } from './fileSource.ts';

export interface InitialModel {
  readonly name: string;
  readonly shape: GptConfig;
  /** Of a file that Halfstep wrote; null where the text's must do. */
  readonly tokenizer: TokenizerJson | null;
  readonly weights: Gpt2Weights;
}

const MAX_CONFIG_BYTES = 2 ** 20;

/**
 * @param path of a safetensors file, or of a folder with a `model.safetensors`
 * @param given what the user set, to hold against the file
 * @throws EngineError BAD_FILE or WRONG_MODEL naming what is wrong with the file, BAD_VALUE naming an option that
 * contradicts it
 */
export async function openInitialModel(path: string, given: Overrides): Promise<InitialModel> {
  const isFolder = (await stat(path).catch(() => null))?.isDirectory() ?? false;
  const filePath = isFolder ? join(path, 'model.safetensors') : path;
  const source = await fileSource(filePath);
  const file = await openSafetensors(source);
  const weights = await openGpt2(file);
  const said = file.metadata.get(TOKENIZER_KEY);
  const tokenizer = said === undefined ? null : readTokenizerJson(said, source.name);
  const heads = (await configHeads(filePath)) ?? metadataHeads(file.metadata) ?? given.heads;
  if (heads === undefined) {
    throw new EngineError(
      'BAD_VALUE',
      `"${source.name}" does not say how many heads its width of ${weights.shape.width} has, and no config.json is beside it.`,
      `Give --heads; GPT-2's heads are 64 wide, which makes ${Math.max(1, Math.round(weights.shape.width / 64))}.`,
    );
  }
  const model = { name: source.name, shape: { ...weights.shape, heads }, tokenizer, weights };
  refuseContradictions(model, given);
  return model;
}

/** The shape as values of a configuration. */
export function overridesOfModel({ shape, tokenizer }: InitialModel): Overrides {
  return { ...shape, ...(tokenizer && { tokenizer: choiceOf(tokenizer) }) };
}

/** Every parameter by name, as `createTrainer` takes them. */
export async function readModel({ shape, weights }: InitialModel): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const { name } of parameterSpecs(shape)) values.set(name, await weights.read(name));
  return values;
}

/** @throws EngineError WRONG_MODEL when the file's tokens cannot be the text's */
export function checkVocabulary(
  { name, shape, tokenizer: own }: InitialModel,
  tokenizer: Tokenizer,
  given: Overrides,
): void {
  const filledUp = given.vocabulary === shape.vocabulary && tokenizer.vocabulary < shape.vocabulary;
  if (own || tokenizer.vocabulary === shape.vocabulary || filledUp) return;
  const fill =
    tokenizer.vocabulary < shape.vocabulary
      ? `, or --vocab ${shape.vocabulary} where its further tokens are only padding`
      : '';
  throw new EngineError(
    'WRONG_MODEL',
    `"${name}" has ${shape.vocabulary} tokens, but the ${tokenizer.kind} tokenizer makes ${tokenizer.vocabulary} of this text.`,
    `Use the tokenizer and text that it was trained with${fill}.`,
  );
}

/** Names of options whose fields the file decides. */
const DECIDED = {
  layers: 'layers',
  heads: 'heads',
  width: 'width',
  context: 'ctx',
  vocabulary: 'vocab',
  tied: 'untied',
  tokenizer: 'tokenizer',
} as const satisfies Partial<Record<keyof Overrides, string>>;

function refuseContradictions(model: InitialModel, given: Overrides): void {
  const decided = overridesOfModel(model);
  for (const [field, option] of Object.entries(DECIDED) as [keyof typeof DECIDED, string][]) {
    const asked = given[field];
    const has = decided[field];
    if (asked === undefined || has === undefined || asked === has) continue;
    const what = field === 'tied' ? `--${option} was given` : `--${option} is ${asked}`;
    const file = field === 'tied' ? 'shares its head with the embedding' : `has ${field} ${has}`;
    throw new EngineError(
      'BAD_VALUE',
      `${what}, but "${model.name}" ${file}.`,
      `Leave --${option} out: with --init the file decides it.`,
    );
  }
}

function metadataHeads(metadata: ReadonlyMap<string, string>): number | undefined {
  const heads = metadata.get(HEADS_KEY);
  return heads !== undefined && /^[1-9]\d{0,5}$/.test(heads) ? Number(heads) : undefined;
}

async function configHeads(path: string): Promise<number | undefined> {
  const config = join(dirname(path), 'config.json');
  const facts = await stat(config).catch(() => null);
  if (!facts?.isFile() || facts.size > MAX_CONFIG_BYTES) return undefined;
  return headsOfConfig(await readFile(config, 'utf8'), basename(path));
}
