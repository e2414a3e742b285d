import { inWords } from '../core/checkOptions.ts';
import { EngineError, suggestion } from '../core/errors.ts';
import { DEFAULTS, type TrainConfig } from './settings/table.ts';

export const PRESET_NAMES = [
  'smoke',
  'starter',
  'llama-tiny',
  'small',
  'llama-small',
  'nanogpt-char',
  'gpt2',
  'gpt2-163m',
] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

export interface Preset {
  readonly name: PresetName;
  readonly title: string;
  readonly purpose: string;
  readonly config: TrainConfig;
}

/** The blocks of Llama 2, whose MLP has about as many parameters as GPT-2's of the same width. */
const LLAMA = { norm: 'rmsnorm', position: 'rope', mlp: 'swiglu', biases: 'none' } as const;

/** Shapes of the design's preset table; what they leave is the table of settings': nanoGPT's for its character models. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  smoke: {
    name: 'smoke',
    title: 'Smoke',
    purpose: 'Seconds on a phone or a software adapter.',
    config: {
      ...DEFAULTS,
      layers: 2,
      heads: 2,
      width: 64,
      context: 64,
      batch: 8,
      steps: 300,
      warmup: 20,
      growthInterval: 200,
      evalEvery: 100,
      evalBatches: 4,
      sampleLength: 200,
    },
  },
  starter: {
    name: 'starter',
    title: 'Starter',
    purpose: 'The default for any real GPU: words appear in about a minute.',
    config: { ...DEFAULTS, growthInterval: 200 },
  },
  'llama-tiny': {
    name: 'llama-tiny',
    title: 'Llama tiny',
    purpose: "The starter's size with Llama's blocks: RMSNorm, RoPE, SwiGLU, no biases.",
    config: { ...DEFAULTS, ...LLAMA, growthInterval: 200 },
  },
  small: {
    name: 'small',
    title: 'Small',
    purpose: 'For a laptop GPU.',
    config: { ...DEFAULTS, layers: 6, heads: 6, width: 192, context: 256, batch: 16, steps: 3000 },
  },
  'llama-small': {
    name: 'llama-small',
    title: 'Llama small',
    purpose: "The size of small with Llama's blocks.",
    config: { ...DEFAULTS, ...LLAMA, layers: 6, heads: 6, width: 192, context: 256, batch: 16, steps: 3000 },
  },
  'nanogpt-char': {
    name: 'nanogpt-char',
    title: 'nanoGPT char',
    purpose: "The shape of nanoGPT's character model, whose published validation loss is 1.47.",
    config: { ...DEFAULTS, layers: 6, heads: 6, width: 384, context: 256, batch: 64, steps: 5000 },
  },
  gpt2: {
    name: 'gpt2',
    title: 'GPT-2 shape',
    purpose: 'The 124 M parameter shape, for speed on a discrete GPU.',
    config: {
      ...DEFAULTS,
      layers: 12,
      heads: 12,
      width: 768,
      context: 512,
      batch: 2,
      steps: 1000,
      learningRate: 6e-4,
      minLearningRate: 6e-5,
      beta2: 0.95,
    },
  },
  'gpt2-163m': {
    name: 'gpt2-163m',
    title: 'GPT-2 163 M',
    purpose: "GPT-2's full context and vocabulary with an untied head, for memory and speed on a large GPU.",
    config: {
      ...DEFAULTS,
      layers: 12,
      heads: 12,
      width: 768,
      context: 1024,
      tied: false,
      vocabulary: 50_257,
      batch: 4,
      steps: 1000,
      learningRate: 6e-4,
      minLearningRate: 6e-5,
      beta2: 0.95,
    },
  },
};

/**
 * The preset called `name`.
 * @throws EngineError UNKNOWN_PRESET with the nearest existing name
 */
export function presetOf(name: string): Preset {
  if (!Object.hasOwn(PRESETS, name)) {
    throw new EngineError(
      'UNKNOWN_PRESET',
      `There is no preset ${inWords(name)}.`,
      suggestion(name, PRESET_NAMES),
    );
  }
  return PRESETS[name as PresetName];
}
