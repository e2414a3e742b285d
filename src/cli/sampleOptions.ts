/** Options of `npm run sample`. */
import type { SampleOptions } from '../engine/index.ts';
import { decimalNumber, wholeNumber } from './arguments.ts';
import { MODEL_OPTIONS } from './givenModel.ts';
import type { OptionSpec } from './optionTable.ts';

const DEFAULTS = { length: 200, temperature: 0.8, topK: 0, topP: 1, repetitionPenalty: 1, seed: 1 } as const;

export const SAMPLE_OPTIONS: readonly OptionSpec[] = [
  ...MODEL_OPTIONS,
  {
    kind: 'text',
    name: 'prompt',
    help: 'the text to continue; without it the model begins a text',
  },
  { kind: 'count', name: 'tokens', help: 'tokens to generate', standard: String(DEFAULTS.length) },
  {
    kind: 'number',
    name: 'temperature',
    help: '0 always takes the most likely token',
    standard: String(DEFAULTS.temperature),
  },
  {
    kind: 'count',
    name: 'top-k',
    help: 'the k most likely tokens; 0 for all',
    standard: String(DEFAULTS.topK),
  },
  {
    kind: 'number',
    name: 'top-p',
    help: 'the fewest most likely tokens whose probabilities add up to this share, of those that top-k leaves',
    standard: String(DEFAULTS.topP),
  },
  {
    kind: 'number',
    name: 'repetition-penalty',
    help: 'divides positive logits of tokens that occurred before, and multiplies negative ones',
    standard: String(DEFAULTS.repetitionPenalty),
  },
  { kind: 'count', name: 'seed', help: 'of the random numbers', standard: String(DEFAULTS.seed) },
  {
    kind: 'numbers',
    name: 'stop',
    help: 'ids of tokens that end the text',
    standard: 'those of the model',
  },
  {
    kind: 'flag',
    name: 'json',
    help: 'print one JSON object: ids of the new tokens, text, tokensPerSec (of the tokens after the first)',
  },
  { kind: 'flag', name: 'help', short: 'h', help: 'this text' },
];

/** @throws EngineError BAD_VALUE naming the option */
export function sampleOptions(given: ReadonlyMap<string, string>): SampleOptions {
  const count = (name: string, standard: number, least = 0): number => {
    const value = given.get(name);
    return value === undefined ? standard : wholeNumber(name, value, least);
  };
  const decimal = (name: string, standard: number): number => {
    const value = given.get(name);
    return value === undefined ? standard : decimalNumber(name, value);
  };
  return {
    prompt: given.get('prompt') ?? '',
    length: count('tokens', DEFAULTS.length, 1),
    temperature: decimal('temperature', DEFAULTS.temperature),
    topK: count('top-k', DEFAULTS.topK),
    topP: decimal('top-p', DEFAULTS.topP),
    repetitionPenalty: decimal('repetition-penalty', DEFAULTS.repetitionPenalty),
    seed: count('seed', DEFAULTS.seed),
    stop: given
      .get('stop')
      ?.split(',')
      .map((id) => wholeNumber('stop', id, 0)),
  };
}
