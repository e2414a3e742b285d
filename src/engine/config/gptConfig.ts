/**
 * The shape of a GPT-2. Letters used everywhere: B batch, T context, C width, H heads, D = C / H head
 * size, V vocabulary (Vp padded to 128), L layers.
 */
import { EngineError } from '../core/errors.ts';

export interface GptConfig {
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  readonly vocabulary: number;
  /** The LM head shares `wte.weight`, as in GPT-2. */
  readonly tied: boolean;
}

export interface Range {
  readonly low: number;
  readonly high: number;
  readonly whole: boolean;
}

/** What each dimension may be on its own. */
export const SHAPE_RANGES = {
  layers: { low: 1, high: 1024, whole: true },
  heads: { low: 1, high: 4096, whole: true },
  width: { low: 1, high: 65_536, whole: true },
  context: { low: 1, high: 1 << 20, whole: true },
  vocabulary: { low: 1, high: 1 << 20, whole: true },
} as const satisfies Record<string, Range>;
export type Dimension = keyof typeof SHAPE_RANGES;

/** The vocabulary is padded so that every matmul sees whole tiles; padded logits are masked. */
export const VOCABULARY_PADDING = 128;

export function paddedVocabulary(config: GptConfig): number {
  return Math.ceil(config.vocabulary / VOCABULARY_PADDING) * VOCABULARY_PADDING;
}

export function headSize(config: GptConfig): number {
  return config.width / config.heads;
}

/** Width between the two layers of an MLP. */
export function mlpWidth({ width }: Pick<GptConfig, 'width'>): number {
  return 4 * width;
}

/**
 * Refuses shapes that no kernel can run.
 * @throws EngineError BAD_SHAPE naming the dimension, what it is and what would do
 */
export function checkShape(config: GptConfig): void {
  for (const dimension of Object.keys(SHAPE_RANGES) as Dimension[]) {
    checkDimension(dimension, config[dimension]);
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

/** @throws EngineError BAD_SHAPE when a dimension is outside its range, whatever the others are */
export function checkDimension(dimension: Dimension, value: number): void {
  const { low, high } = SHAPE_RANGES[dimension];
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new EngineError(
    'BAD_SHAPE',
    `${dimension} is ${value}.`,
    `It must be a whole number from ${low} to ${high}.`,
  );
}

function nearestMultiple(value: number, of: number): number {
  return Math.max(of, Math.round(value / of) * of);
}
