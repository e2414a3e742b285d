/** A GPT-2 in a file that a run can start from. */

import { GPT2_VOCABULARY } from '../data/gpt2.ts';
import type { Tokenizer, TokenizerJson } from '../data/tokenizer.ts';
import { readTokenizerJson } from '../data/tokenizerJson.ts';
import { EngineError } from '../errors.ts';
import type { GptConfig } from '../model/config.ts';
import { parameterSpecs } from '../model/parameters.ts';
import { type Gpt2Weights, openGpt2, type WeightsShape } from './gpt2.ts';
import { HEADS_KEY, headsOfConfig, TOKENIZER_KEY } from './huggingface.ts';
import type { RandomAccess } from './randomAccess.ts';
import { openSafetensors } from './safetensors.ts';

export interface ModelFile {
  /** The file's, for messages. */
  readonly name: string;
  readonly shape: WeightsShape;
  /** Null where neither the file nor the configuration beside it says. */
  readonly heads: number | null;
  /** Of a file that Halfstep wrote, and GPT-2's where a file has as many tokens; null where the text's must do. */
  readonly tokenizer: TokenizerJson | null;
  readonly weights: Gpt2Weights;
}

/**
 * Reads what a model is; of its tensors only what tells whether the LM head is the token embedding.
 * @param config text of the `config.json` beside the file, where there is one
 * @throws EngineError BAD_FILE or WRONG_MODEL naming what is wrong with the file
 */
export async function openModel(source: RandomAccess, config: string | null): Promise<ModelFile> {
  const file = await openSafetensors(source);
  const weights = await openGpt2(file);
  const said = file.metadata.get(TOKENIZER_KEY);
  const gpt2 = weights.shape.vocabulary === GPT2_VOCABULARY ? ({ kind: 'gpt2' } as const) : null;
  return {
    name: source.name,
    shape: weights.shape,
    heads: config === null ? metadataHeads(file.metadata) : headsOfConfig(config, source.name),
    tokenizer: said === undefined ? gpt2 : readTokenizerJson(said, source.name),
    weights,
  };
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

function metadataHeads(metadata: ReadonlyMap<string, string>): number | null {
  const heads = metadata.get(HEADS_KEY);
  return heads !== undefined && /^[1-9]\d{0,5}$/.test(heads) ? Number(heads) : null;
}
