/** The runs whose gradients are compared with the f64 model. */
import type { ModelKinds } from '../../../src/engine/config/gptConfig.ts';
import type { Target } from '../../../src/engine/gpu/operation.ts';
import type { PrecisionMode, TrainConfig } from '../../../src/engine/index.ts';
import { buildSchedule } from '../../../src/engine/model/schedule.ts';
import { DEFAULT_LIMITS, runTensors } from '../../../src/engine/model/tensors.ts';
import { LEAST_SCHEDULED_STEPS, SCHEDULES } from '../../../src/engine/precision/levels.ts';
import type { OperandScale } from '../../../src/engine/precision/mixedPrecision.ts';
import { PRECISION_MODES, type RecipeSettings } from '../../../src/engine/precision/recipes.ts';
import { customMode, MIXTURES } from '../../unit/customRecipes.ts';
import { described } from '../../unit/described.ts';
import { coverOf, pairsOf } from '../kernels/variantCover.ts';
import { TINY, TINY_VOCABULARY } from './helper.ts';
import type { LevelSettings } from './roundings.ts';

export type Kinds = Partial<ModelKinds> &
  Partial<Pick<TrainConfig, 'zLoss' | 'dropout' | 'mupBase' | 'smoothSwiglu'>>;

/** Kinds of scales that no mode of the table has. */
const SCALES: readonly OperandScale[] = [
  { per: 'contraction', as: 'f32' },
  { per: { block: 16 }, as: 'e4m3' },
];

function scaledMode(scale: OperandScale): PrecisionMode {
  const { quantization, ...fp8 } = described('fp8');
  const id = `custom-${scale.as}-scales` as const;
  return customMode({ ...fp8, id, quantization: { ...quantization!, scale } });
}

export type Case = [
  PrecisionMode,
  TrainConfig['half'],
  (GPUFeatureName[] | undefined)?,
  (Partial<RecipeSettings> & Kinds & LevelSettings & Partial<Pick<TrainConfig, 'kernels' | 'steps'>>)?,
];

/** Modes of which every role shows in a gradient of Llama's blocks: left in f32, at least 1.7 times as far. */
const SEEN_IN_LLAMA: readonly PrecisionMode[] = [
  ...(['tf32', 'fp16', 'fp16-static', 'fp16-noscale', 'bf16', 'bf16-sr'] as const),
  ...(['bf16-split', 'bf16-last-fp32', 'fp8', 'fp8-row'] as const),
];

/** Llama's blocks. */
const LLAMA: Kinds = {
  ...{ position: 'rope', keyValueHeads: 1, norm: 'rmsnorm', mlp: 'swiglu', intermediate: 80 },
  biases: 'none',
};

/** Other options that GPT-2 does not have, each in one of them. */
const OTHER_KINDS: Kinds[] = [
  { ...LLAMA, headSize: 24, qkNorm: true, biases: 'qkv', attentionSoftCap: 2 },
  { mlp: 'relu2', biases: 'qkv', normEpsilon: 1e-2, layerScale: 0.5, logitSoftCap: 3, zLoss: 0.1 },
];

/** Modes whose roles are checked in GPT-2 too. */
const IN_GPT2: readonly PrecisionMode[] = [
  ...(['fp32', 'tf32', 'fp16', 'fp16-static', 'fp16-noscale', 'fp16-pure', 'bf16', 'bf16-split'] as const),
  ...(['bf16-pure', 'bf16-last-fp32', 'fp8', 'fp8-row', 'int8', 'int8-m', 'int8-q', 'int8-all'] as const),
  'nvfp4',
];

const PLAIN: readonly Case[] = [
  ...IN_GPT2.map((precision): Case => [precision, 'auto']),
  ...PRECISION_MODES.map((precision): Case => [precision, 'auto', undefined, LLAMA]),
];

/** Whether a role that is left in f32 shows in the gradients of the case. */
export function showsRoles(precision: PrecisionMode, { position, qkNorm }: Kinds): boolean {
  return !position || (SEEN_IN_LLAMA.includes(precision) && !qkNorm);
}

/** What a case checks: its mode, whose roles may show, and each two choices that meet in a kernel of its micro-batch. */
function checkedBy([precision, , , settings = {}]: Case): (string | number)[] {
  const config = { ...TINY, precision, ...settings };
  const target: Target = {
    ...{ half: 'native', subgroup: 4, lanes: 64, attention: 'register', matmul: 'register32' },
    ...{ matrixShapes: [], splitSums: false },
  };
  const tensors = runTensors(config, TINY_VOCABULARY, DEFAULT_LIMITS);
  const { microBatch } = buildSchedule(target, tensors, config);
  const pairs = microBatch.flatMap((operation) => (operation.kind === 'dispatch' ? pairsOf(operation) : []));
  return [
    precision,
    ...(showsRoles(precision, settings) ? [`roles of ${precision}`] : []),
    ...new Set(pairs),
  ];
}

/** Every stage of each schedule of runs, blocks in different stages, and a mode of one stage with the other range. */
const STAGES: readonly Case[] = [
  ...(['pfq', 'pfq-float'] as const).flatMap((precisionSchedule) =>
    SCHEDULES[precisionSchedule].modes.map((_, stage): Case => {
      const precision = SCHEDULES[precisionSchedule].modes.at(-1)!;
      return [precision, 'auto', undefined, { precisionSchedule, stage, steps: LEAST_SCHEDULED_STEPS }];
    }),
  ),
  ['i8g8', 'auto', undefined, { precisionSchedule: 'noise', stage: [0, 2], steps: LEAST_SCHEDULED_STEPS }],
  ['i4g6', 'auto', undefined, { ...LLAMA, integerRange: 'symmetric' }],
];

export const CASES: readonly Case[] = [
  ...coverOf(PLAIN, checkedBy),
  ['fp16', 'packed'],
  ['fp8', 'auto', undefined, { quantizeHead: true, quantizeActivations: '1x16' }],
  ['fp8-delayed', 'auto', undefined, { quantizeHead: true }],
  ['int8-m', 'auto', undefined, { ...OTHER_KINDS[1], dropout: 0.2, position: 'rope' }],
  ...(['fp32', 'fp16', 'fp8'] as const).flatMap((precision) =>
    OTHER_KINDS.map((kinds) => [precision, 'auto', undefined, kinds] satisfies Case),
  ),
  ['fp32', 'auto', undefined, { dropout: 0.2, mupBase: 8 }],
  ['fp16', 'packed', undefined, { dropout: 0.2, kernels: 'register32+attention-uniform' }],
  ['fp8', 'auto', undefined, { dropout: 0.2 }],
  ['fp8', 'auto', undefined, { ...LLAMA, smoothSwiglu: 'token' }],
  ['fp8-delayed', 'auto', undefined, { ...LLAMA, smoothSwiglu: 'channel' }],
  ['fp32', 'auto', undefined, { ...LLAMA, layerScale: 0.5, dropout: 0.2 }],
  ['fp16', 'auto', undefined, { ...LLAMA, layerScale: 0.5, dropout: 0.2 }],
  ['fp16', 'auto', undefined, { mlp: 'geglu' }],
  ['fp8', 'auto', undefined, { ...OTHER_KINDS[0], quantizeActivations: '1x16' }],
  ['fp8-row', 'auto', undefined, { ...OTHER_KINDS[0] }],
  ['mxfp8', 'auto', undefined, { scaleRule: 'floor' }],
  ['mxfp4', 'auto', undefined, { ...OTHER_KINDS[0] }],
  ['fp8', 'auto', undefined, { ...OTHER_KINDS[0], quantizeAttention: true }],
  ['fp8-delayed', 'auto', undefined, { quantizeAttention: true }],
  ['fp8-row', 'auto', undefined, { quantizeAttention: true }],
  ['mxfp8', 'auto', undefined, { quantizeAttention: true, dropout: 0.2 }],
  ['fp8-block', 'auto', undefined, { ...LLAMA, quantizeAttention: true }],
  ['nvfp4', 'auto', undefined, { fp4Rht: 'off', keepBf16: 0 }],
  ['nvfp4', 'auto', undefined, { fp4TwoD: 'off' }],
  ['nvfp4', 'auto', undefined, { fp4Sr: 'off', dropout: 0.2 }],
  ...STAGES,
  ['fp16', 'auto', []], // core WebGPU: packed halves, no subgroups
  ['fp32', 'auto', undefined, { kernels: 'register32+attention-uniform' }],
  ['fp16', 'auto', [], { kernels: 'register32+attention-uniform' }],
  ...MIXTURES.map((mixture) => [customMode(mixture), 'auto'] as [PrecisionMode, 'auto']),
  ...SCALES.map((scale) => [scaledMode(scale), 'auto'] as [PrecisionMode, 'auto']),
];
