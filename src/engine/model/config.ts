/**
 * The shape of a GPT-2. Letters used everywhere: B batch, T context, C width, H heads, D = C / H head
 * size, V vocabulary (Vp padded to 128), L layers.
 */
import { EngineError } from '../errors.ts';

export interface GptConfig {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  readonly vocabulary: number;
  /** The LM head shares `wte.weight`, as in GPT-2. */
  readonly tied: boolean;
}

/** The vocabulary is padded so that every matmul sees whole tiles; padded logits are masked. */
export const VOCABULARY_PADDING = 128;

export function paddedVocabulary(config: GptConfig): number {
  return Math.ceil(config.vocabulary / VOCABULARY_PADDING) * VOCABULARY_PADDING;
}

export function headSize(config: GptConfig): number {
  return config.width / config.heads;
}

/**
 * Refuses shapes that no kernel can run.
 * @throws EngineError BAD_SHAPE naming the dimension, what it is and what would do
 */
export function checkShape(config: GptConfig): void {
  for (const [name, value, limit] of [
    ['layers', config.layers, 1024],
    ['heads', config.heads, 4096],
    ['width', config.width, 65536],
    ['context', config.context, 1 << 20],
    ['vocabulary', config.vocabulary, 1 << 20],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > limit) {
      throw new EngineError(
        'BAD_SHAPE',
        `${name} is ${value}.`,
        `It must be a whole number from 1 to ${limit}.`,
      );
    }
  }
  const { width, heads } = config;
  if (width % heads !== 0) {
    const fits = nearestMultiple(width, 4 * heads);
    throw new EngineError(
      'BAD_SHAPE',
      `Width ${width} is not divisible by ${heads} heads.`,
      `Use width ${fits}, or another number of heads.`,
    );
  }
  if ((width / heads) % 4 !== 0) {
    throw new EngineError(
      'BAD_SHAPE',
      `Head size ${width / heads} (width ${width} / ${heads} heads) is not divisible by 4.`,
      `Tensors are stored four elements at a time. Use width ${nearestMultiple(width, 4 * heads)}.`,
    );
  }
  if (width / heads > 256) {
    throw new EngineError(
      'BAD_SHAPE',
      `Head size ${width / heads} is above 256.`,
      `Use at least ${Math.ceil(width / 256)} heads.`,
    );
  }
}

function nearestMultiple(value: number, of: number): number {
  return Math.max(of, Math.round(value / of) * of);
}

/** Parameters that take part in matmuls: N of `6 N + 6 L C T`. A tied embedding counts once, positions never. */
export function matmulParameters(config: GptConfig): number {
  const { layers, width } = config;
  return layers * 12 * width * width + config.vocabulary * width;
}

/** Model FLOPs of one token, forward and backward, causal attention counted as it is computed. */
export function flopsPerToken(config: GptConfig): number {
  return 6 * matmulParameters(config) + 6 * config.layers * config.width * config.context;
}
