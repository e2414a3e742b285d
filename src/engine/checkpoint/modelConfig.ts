/**
 * Reads the `config.json` of a GPT-2 and checks it against the weights.
 * Format: GPT2Config of transformers, with that class's defaults for keys that are left out.
 */

import { MLP_KINDS, MLPS, type MlpKind, mlpWidth } from '../config/gptConfig.ts';
import type { JsonObject, JsonValue } from '../core/strictJson.ts';
import { CompanionFileError, describe, readObject } from './beside.ts';
import type { WeightsShape } from './gpt2.ts';
import type { RandomAccess } from './randomAccess.ts';

const MAX_BYTES = 2 ** 20;

/** Keys that change what a model computes, with the values that the engine supports. */
const FIXED: readonly (readonly [string, readonly JsonValue[]])[] = [
  ['model_type', ['gpt2']],
  ['activation_function', MLP_KINDS.flatMap((kind) => MLPS[kind].names)],
  ['layer_norm_epsilon', [1e-5]],
  ['scale_attn_weights', [true]],
  ['scale_attn_by_inverse_layer_idx', [false]],
  ['add_cross_attention', [false]],
  ['is_encoder_decoder', [false]],
  ['quantization_config', [null]],
];

export interface ConfigContents {
  readonly heads: number;
  /** Null when the file does not name the activation function. */
  readonly mlp: MlpKind | null;
}

/**
 * @throws CompanionFileError when the file describes something other than a GPT-2, contradicts the weights, or has no
 * number of heads; EngineError BAD_FILE when it cannot be read
 */
export async function readConfig(source: RandomAccess, shape: WeightsShape): Promise<ConfigContents> {
  const config = await readObject(source, MAX_BYTES);
  for (const [key, allowed] of FIXED) {
    const value = config.get(key);
    if (value === undefined || allowed.includes(value)) continue;
    throw new CompanionFileError(
      `has ${key} ${describe(value)}; Halfstep trains only ${allowed.join(' or ')}`,
    );
  }
  const contradictions = contradictionsOf(config, shape);
  if (contradictions.length > 0) throw new CompanionFileError(`says ${contradictions.join(', and ')}`);
  const heads = config.get('n_head');
  if (!(Number.isSafeInteger(heads) && (heads as number) > 0)) {
    throw new CompanionFileError(
      heads === undefined
        ? 'has no n_head'
        : `has n_head ${describe(heads)}, which is not a positive integer`,
    );
  }
  const name = config.get('activation_function');
  const mlp = MLP_KINDS.find((kind) => MLPS[kind].names.some((own) => own === name)) ?? null;
  return { heads: heads as number, mlp };
}

function contradictionsOf(config: JsonObject, shape: WeightsShape): string[] {
  const { layers, width, context, vocabulary, tied } = shape;
  const inWeights: readonly (readonly [string, JsonValue])[] = [
    ['n_layer', layers],
    ['n_embd', width],
    ['n_positions', context],
    ['vocab_size', vocabulary],
    ['n_inner', mlpWidth(shape)],
    ['tie_word_embeddings', tied],
  ];
  return inWeights.flatMap(([key, has]) => {
    const value = config.get(key);
    if (value === undefined || value === has || (key === 'n_inner' && value === null)) return [];
    if (key !== 'tie_word_embeddings') return [`${key} ${describe(value)} where the weights have ${has}`];
    const head = tied ? 'no lm_head.weight of their own' : 'an lm_head.weight of their own';
    return [`${key} ${describe(value)} where the weights have ${head}`];
  });
}
