import { GPT2_KINDS, type GptConfig } from '../../../src/engine/config/gptConfig.ts';

/** A model with RoPE, of which tests of kernels name what they need. */
export function llamaConfig(named: Partial<GptConfig>): GptConfig {
  const shape = { layers: 1, heads: 4, width: 32, context: 16, vocabulary: 40, tied: true };
  return { ...shape, ...GPT2_KINDS, position: 'rope', ...named };
}
