/**
 * Every shader variant that a run can ask for: what the schedules of all modes, storages and kernel choices dispatch for
 * a small model, tied and untied, and what start-up dispatches before a schedule runs.
 */

import { presetOf } from '../../../src/engine/config/presets.ts';
import type { TrainConfig } from '../../../src/engine/config/trainConfig.ts';
import { dispatch } from '../../../src/engine/gpu/dispatch.ts';
import { type Dispatch, type Operation, type Target, variantKey } from '../../../src/engine/gpu/operation.ts';
import { type AssembledShader, assemble } from '../../../src/engine/gpu/shaders.ts';
import { type MatrixShape, SUBGROUP_MATRIX } from '../../../src/engine/gpu/subgroupMatrix.ts';
import { buildNumerics } from '../../../src/engine/inspect/schedule.ts';
import { convertFormat } from '../../../src/engine/kernels/optimizer.ts';
import { buildSchedule } from '../../../src/engine/model/schedule.ts';
import { runTensors } from '../../../src/engine/model/tensors.ts';
import { OPTIM_STATES, OPTIMIZERS } from '../../../src/engine/precision/optimStates.ts';
import { keepsMaster, PRECISION_MODES, recipeOf } from '../../../src/engine/precision/recipes.ts';
import { LANES_WITHOUT_SUBGROUPS, matmulKernels } from './runKernel.ts';

/** A vocabulary that takes two slices: the kernels of a whole one are those of the first. */
const VOCABULARY = 600;
const TWO_SLICES = { maxBindingBytes: 2 ** 17 };

/** Of the simulated modes one with each branch of their prelude stands for all. */
const MODES: readonly Partial<TrainConfig>[] = [
  ...PRECISION_MODES.map((precision) => ({ precision })),
  ...(['fp8', 'fp8-delayed'] as const).map(
    (precision) => ({ precision, fp8Head: true, fp8Activations: '1x16' }) as const,
  ),
  { precision: 'e5m2', rounding: 'rz' },
  { precision: 'e8m3', rounding: 'rne' },
];

export interface KnownVariant extends Pick<AssembledShader, 'code' | 'bindings' | 'uniforms'> {
  readonly key: string;
  /** One dispatch of it on tensors of a small model. */
  readonly dispatch: Dispatch;
  /** Features it needs, as its own source enables them. */
  readonly features: readonly GPUFeatureName[];
}

const FEATURE_OF = [
  ['f16', 'shader-f16'],
  ['subgroups', 'subgroups'],
  ['chromium_experimental_subgroup_matrix', SUBGROUP_MATRIX as GPUFeatureName],
] as const;

/** @param subgroupSizes smallest subgroups of the adapters in question; none for variants without subgroups only
 * @param matrixShapes of which the matmuls of each are added, at the subgroup size of most GPUs that have them
 */
export async function allVariants(
  subgroupSizes: readonly number[],
  matrixShapes: readonly MatrixShape[] = [],
): Promise<KnownVariant[]> {
  const dispatches = new Map<string, Dispatch>();
  const add = (operation: Operation): void => {
    if (operation.kind !== 'dispatch') return;
    const key = variantKey(operation.variant);
    if (!dispatches.has(key)) dispatches.set(key, operation);
  };
  for (const shape of matrixShapes) {
    const target = { half: 'packed', matmul: 'register16', subgroups: true, lanes: 32 } as const;
    for (const mode of MODES) {
      for (const splitSums of [true, false]) {
        const matrices = { ...target, matrixShapes: [shape], splitSums };
        microBatch(matrices, mode)
          .filter((operation) => kernelOf(operation) === 'matmul_matrix')
          .forEach(add);
      }
    }
  }
  for (const target of targets(subgroupSizes)) {
    for (const mode of MODES) {
      microBatch({ ...target, splitSums: true }, mode)
        .filter((operation) => operation.kind === 'dispatch' && operation.variant.conditions.split)
        .forEach(add);
      for (const tied of [true, false]) {
        const config: TrainConfig = {
          ...{ ...presetOf('smoke').config, batch: 1, ...mode, tied },
          // The first of two blocks is recomputed.
          ...{ layers: 2, recompute: 'gelu-ln', sharpnessEvery: 1 },
        };
        const tensors = runTensors(config, VOCABULARY, TWO_SLICES);
        const schedule = buildSchedule(target, tensors, config);
        const { rows: _, noise: __, ...numerics } = buildNumerics(target, tensors);
        for (const operations of [...Object.values(schedule), ...Object.values(numerics)])
          operations.forEach(add);
        const upload = { name: 'upload', type: 'f32', elements: 256 } as const;
        for (const { master, compute, low } of tensors.chunks) {
          add(convertFormat(target, { inp: upload, out: master, low, elements: 256, label: 'upload' }));
          if (compute)
            add(convertFormat(target, { inp: master, out: compute, elements: 256, label: 'compute' }));
        }
      }
    }
    optimizerVariants(target).forEach(add);
  }
  for (const half of [false, true]) add(peak(half));
  return Promise.all(
    [...dispatches].map(async ([key, dispatch]) => {
      const { code, bindings, uniforms } = await assemble(dispatch.variant);
      const features: KnownVariant['features'][number][] = [];
      for (const [extension, feature] of FEATURE_OF) {
        if (new RegExp(`^enable [^;]*\\b${extension}\\b`, 'm').test(code)) features.push(feature);
      }
      return { key, dispatch, code, bindings, uniforms, features };
    }),
  );
}

function kernelOf(operation: Operation): string | null {
  return operation.kind === 'dispatch' ? operation.variant.kernel : null;
}

/** Of enough rows for sums that are cut, with what numerics store once more in f32. */
function microBatch(target: Target, mode: (typeof MODES)[number]): readonly Operation[] {
  const config: TrainConfig = { ...presetOf('smoke').config, ...mode, layers: 1, batch: 16 };
  const tensors = runTensors(config, VOCABULARY, TWO_SLICES);
  const { microBatch } = buildSchedule(target, tensors, config);
  return [...microBatch, ...buildNumerics(target, tensors).measured];
}

/** Modes whose masters AdamW stores differently. How moments are kept does not depend on it. */
const MASTERS = ['fp32', 'fp16', 'bf16-sr', 'bf16-split'] as const;

function optimizerVariants(target: Target): Operation[] {
  const operations: Operation[] = [];
  for (const precision of MASTERS) {
    for (const optimizer of OPTIMIZERS) {
      for (const optimState of OPTIM_STATES) {
        if (optimState.startsWith('fp8') && !keepsMaster(recipeOf(precision))) continue;
        const config = { ...presetOf('smoke').config, batch: 1, precision, optimizer, optimState };
        operations.push(
          ...buildSchedule(target, runTensors(config, VOCABULARY, TWO_SLICES), config).optimizer,
        );
      }
    }
  }
  return operations;
}

function targets(subgroupSizes: readonly number[]): Target[] {
  return [...subgroupSizes, null].flatMap((subgroup) =>
    (['native', 'packed'] as const).flatMap((half) =>
      matmulKernels(subgroup).map((matmul) => ({
        half,
        matmul,
        subgroups: subgroup !== null,
        lanes: subgroup ?? LANES_WITHOUT_SUBGROUPS,
        matrixShapes: [],
        splitSums: false,
      })),
    ),
  );
}

/** As roofline.ts dispatches it. */
function peak(half: boolean): Dispatch {
  const out = { name: 'peak', type: 'f32', elements: 64 * 4 } as const;
  return dispatch(null, 'peak_fma', {
    tensors: { out },
    writes: ['out'],
    uniforms: { factor: 0.999, addend: 0.001 },
    conditions: { half },
    grid: [1, 1, 1],
    label: 'peak',
  });
}

/**
 * A few of the variants in which each kernel meets each format in each slot, each side of each condition and each value
 * of each constant at least once: for compilers that take a second a kernel.
 */
export function coverOf(variants: readonly KnownVariant[]): KnownVariant[] {
  const open = new Map(variants.map((variant) => [variant, settingsOf(variant.dispatch)]));
  const missing = new Set([...open.values()].flat());
  const cover: KnownVariant[] = [];
  while (missing.size > 0) {
    let best: { variant: KnownVariant; gain: number } | undefined;
    for (const [variant, settings] of open) {
      const gain = settings.filter((setting) => missing.has(setting)).length;
      if (gain > (best?.gain ?? 0)) best = { variant, gain };
    }
    const { variant } = best!; // what is missing is a setting of some variant
    cover.push(variant);
    for (const setting of open.get(variant)!) missing.delete(setting);
  }
  return cover;
}

/** One line for each choice that made this variant of its kernel. */
export function settingsOf({ variant: { kernel, slots, conditions, constants } }: Dispatch): string[] {
  const choices = [slots, conditions, constants].flatMap((record) => Object.entries(record));
  return [kernel, ...choices.map(([name, value]) => `${kernel} ${name}=${value}`)];
}
