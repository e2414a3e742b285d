import { inWords } from '../core/checkOptions.ts';
import { EngineError, suggestion } from '../core/errors.ts';
import { GPT2_KINDS } from './gptConfig.ts';
import type { TrainConfig } from './trainConfig.ts';

export const PRESET_NAMES = ['smoke', 'starter', 'small', 'nanogpt-char', 'gpt2', 'gpt2-163m'] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

export interface Preset {
  readonly name: PresetName;
  readonly title: string;
  readonly purpose: string;
  readonly config: TrainConfig;
}

const base: TrainConfig = {
  layers: 4,
  heads: 4,
  width: 128,
  context: 128,
  batch: 16,
  accumulation: 1,
  microBatch: null,
  steps: 2000,
  learningRate: 1e-3,
  minLearningRate: 1e-4,
  warmup: 100,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  clip: 1,
  seed: 1337,
  tied: true,
  ...GPT2_KINDS,
  vocabulary: null,
  recompute: 'none',
  precision: 'fp16',
  rounding: null,
  quantizeHead: false,
  quantizeActivations: 'tensor',
  amaxHistory: null,
  amaxAlgorithm: null,
  scaleMargin: null,
  optimizer: 'adamw',
  optimState: 'f32',
  half: 'auto',
  lossScale: null,
  growthInterval: null,
  tokenizer: 'char',
  order: 'random',
  evalEvery: 250,
  evalBatches: 8,
  sharpnessEvery: 0,
  sampleLength: 300,
};

/** Shapes of the design's preset table; optimizer settings are nanoGPT's for its character models. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  smoke: {
    name: 'smoke',
    title: 'Smoke',
    purpose: 'Seconds on a phone or a software adapter; used by the tests.',
    config: {
      ...base,
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
    config: { ...base, growthInterval: 200 },
  },
  small: {
    name: 'small',
    title: 'Small',
    purpose: 'For a laptop GPU.',
    config: { ...base, layers: 6, heads: 6, width: 192, context: 256, batch: 16, steps: 3000 },
  },
  'nanogpt-char': {
    name: 'nanogpt-char',
    title: 'nanoGPT char',
    purpose: "The shape of nanoGPT's character model, whose published validation loss is 1.47.",
    config: { ...base, layers: 6, heads: 6, width: 384, context: 256, batch: 64, steps: 5000 },
  },
  gpt2: {
    name: 'gpt2',
    title: 'GPT-2 shape',
    purpose: 'The 124 M parameter shape, for speed on a discrete GPU.',
    config: {
      ...base,
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
      ...base,
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
