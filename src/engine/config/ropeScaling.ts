import { EngineError } from '../core/errors.ts';

/** Llama 3's scaling of RoPE, under the names of `rope_scaling` in a config.json. */
export interface RopeScaling {
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalContext: number;
}

/**
 * Reads "llama3:FACTOR:LOW:HIGH:CONTEXT"; "none" is null.
 * @throws EngineError BAD_VALUE naming what is wrong
 */
export function readRopeScaling(scaling: string): RopeScaling | null {
  if (scaling === 'none') return null;
  const [kind, ...numbers] = scaling.split(':');
  const [factor, lowFrequencyFactor, highFrequencyFactor, originalContext] = numbers.map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const arePositive = numbers.length === 4 && numbers.every((word) => Number(word) > 0 && word.trim() !== '');
  if (kind !== 'llama3' || !arePositive || ![factor, highFrequencyFactor].every(Number.isFinite)) {
    throw new EngineError(
      'BAD_VALUE',
      `rope-scaling is "${scaling.slice(0, 60)}".`,
      'It is "none", or "llama3:32:1:4:8192": factor, low and high frequency factor, and the context before scaling.',
    );
  }
  if (!(lowFrequencyFactor < highFrequencyFactor && Number.isInteger(originalContext))) {
    throw new EngineError(
      'BAD_VALUE',
      `rope-scaling is "${scaling.slice(0, 60)}".`,
      'The low frequency factor must be below the high one, and the context a whole number.',
    );
  }
  return { factor, lowFrequencyFactor, highFrequencyFactor, originalContext };
}
