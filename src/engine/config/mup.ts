/** muP's attention scale. Initial values and learning rates are in model/mup.ts. */
import { EngineError } from '../core/errors.ts';
import { type GptConfig, headSize } from './gptConfig.ts';

type Scaled = Pick<GptConfig, 'width' | 'heads' | 'headSize' | 'mupBase'>;

/** Head size at which muP's attention scale, 8 / D, is 1 / sqrt(D). */
const SAME_HEAD_SIZE = 64;

/** What q . k is multiplied by: with muP 8 / D, because q and k are correlated once they are trained; else 1 / sqrt(D). */
export function attentionScale(config: Scaled): number {
  const size = headSize(config);
  return (config.mupBase ?? null) === null ? 1 / Math.sqrt(size) : Math.sqrt(SAME_HEAD_SIZE) / size;
}

/**
 * Refuses models whose attention scale is not 1 / sqrt(D), which others take for granted.
 * @throws EngineError BAD_VALUE naming the head size
 */
export function checkUsualScale(config: Scaled): void {
  const size = headSize(config);
  if ((config.mupBase ?? null) === null || size === SAME_HEAD_SIZE) return;
  throw new EngineError(
    'BAD_VALUE',
    `With mup ${config.mupBase} attention scores are multiplied by 8 / ${size}, since the head size is ${size}; models in Hugging Face's libraries have 1 / sqrt(${size}).`,
    `Both are the same for heads of ${SAME_HEAD_SIZE} channels: use those, or save the run instead.`,
  );
}
