/**
 * Every shader variant that a run can ask for: what the schedules of all modes, storages and kernel choices dispatch for
 * a small model, tied and untied, and what start-up dispatches before a schedule runs.
 */
import { Arena } from '../../../src/engine/arena.ts';
import {
  type Dispatch,
  type Operation,
  type Target,
  tensorsOf,
  variantKey,
} from '../../../src/engine/kernels/operation.ts';
import { convertFormat } from '../../../src/engine/kernels/optimizer.ts';
import { presetOf } from '../../../src/engine/model/presets.ts';
import { buildSchedule } from '../../../src/engine/model/schedule.ts';
import { runTensors } from '../../../src/engine/model/tensors.ts';
import { buildNumerics } from '../../../src/engine/numerics/schedule.ts';
import { OPTIM_STATES, OPTIMIZERS } from '../../../src/engine/precision/optimStates.ts';
import { keepsMaster, PRECISION_MODES, recipeOf } from '../../../src/engine/precision/recipes.ts';
import { Program } from '../../../src/engine/program.ts';
import { assemble } from '../../../src/engine/shaders.ts';
import type { TrainConfig } from '../../../src/engine/train/config.ts';
import { type Bench, LANES_WITHOUT_SUBGROUPS, matmulKernels } from './runKernel.ts';

/** A vocabulary that takes two slices: the kernels of a whole one are those of the first. */
const VOCABULARY = 600;
const TWO_SLICES = { maxBindingBytes: 2 ** 17 };

/** Of the simulated modes one with each branch of their prelude stands for all. */
const MODES: readonly Pick<TrainConfig, 'precision' | 'rounding'>[] = [
  ...PRECISION_MODES.map((precision) => ({ precision, rounding: null })),
  { precision: 'e5m2', rounding: 'rz' },
  { precision: 'e8m3', rounding: 'rne' },
];

export interface KnownVariant {
  readonly key: string;
  /** One dispatch of it on tensors of a small model. */
  readonly dispatch: Dispatch;
  /** Features it needs, as its own source enables them. */
  readonly features: readonly ('shader-f16' | 'subgroups')[];
}

/** @param subgroupLanes lanes of the variants with subgroups: the adapter's smallest subgroup; null leaves them out */
export async function allVariants(subgroupLanes: number | null): Promise<KnownVariant[]> {
  const dispatches = new Map<string, Dispatch>();
  const add = (operation: Operation): void => {
    if (operation.kind !== 'dispatch') return;
    const key = variantKey(operation.variant);
    if (!dispatches.has(key)) dispatches.set(key, operation);
  };
  for (const target of targets(subgroupLanes)) {
    for (const mode of MODES) {
      for (const tied of [true, false]) {
        const config: TrainConfig = {
          ...{ ...presetOf('smoke').config, batch: 1, ...mode, tied },
          // The first of two blocks is recomputed.
          ...{ layers: 2, recompute: 'gelu-ln', sharpnessEvery: 1 },
        };
        const tensors = runTensors(config, VOCABULARY, TWO_SLICES);
        const schedule = buildSchedule(target, tensors, config);
        const { rows: _, ...numerics } = buildNumerics(target, tensors, schedule.microBatch);
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
      const { code } = await assemble(dispatch.variant);
      const features: KnownVariant['features'][number][] = [];
      if (/^\s*enable f16;/m.test(code)) features.push('shader-f16');
      if (/^\s*enable subgroups;/m.test(code)) features.push('subgroups');
      return { key, dispatch, features };
    }),
  );
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

function targets(subgroupLanes: number | null): Target[] {
  const lanes = subgroupLanes === null ? [null] : [subgroupLanes, null];
  return lanes.flatMap((subgroup) =>
    (['native', 'packed'] as const).flatMap((half) =>
      matmulKernels(subgroup).map((matmul) => ({
        half,
        matmul,
        subgroups: subgroup !== null,
        lanes: subgroup ?? LANES_WITHOUT_SUBGROUPS,
      })),
    ),
  );
}

/** As roofline.ts dispatches it. */
function peak(half: boolean): Dispatch {
  const out = { name: 'peak', type: 'f32', elements: 64 * 4 } as const;
  return {
    kind: 'dispatch',
    variant: { kernel: 'peak_fma', slots: {}, conditions: { half }, constants: {} },
    bindings: { out },
    params: [{ f32: 0.999 }, { f32: 0.001 }],
    grid: [1, 1, 1],
    label: 'peak',
  };
}

export interface VariantRun {
  readonly ran: number;
  /** Names of the variants whose features the device lacks. */
  readonly cannotRun: readonly string[];
  readonly failures: readonly string[];
  readonly seconds: number;
}

/** Waiting for the GPU takes Firefox 100 ms, so several variants share a wait. */
const CHUNK = 16;

/** Compiles and dispatches, on zeroed tensors, every variant whose features the device has. */
export async function runVariants(bench: Bench, variants: readonly KnownVariant[]): Promise<VariantRun> {
  const start = performance.now();
  const canRun = (variant: KnownVariant) =>
    variant.features.every((feature) => bench.device.features.has(feature));
  const runnable = variants.filter(canRun);
  const failures: string[] = [];
  for (let first = 0; first < runnable.length; first += CHUNK) {
    const chunk = runnable.slice(first, first + CHUNK);
    const problems = await runTogether(bench, chunk);
    // What only fails in company, or names no kernel, is run again alone.
    if (problems.length > 0) {
      for (const variant of chunk) failures.push(...(await runTogether(bench, [variant])));
      if (failures.length === 0) failures.push(...problems);
    }
  }
  return {
    ran: runnable.length,
    cannotRun: variants.filter((variant) => !canRun(variant)).map(({ key }) => key),
    failures,
    seconds: (performance.now() - start) / 1000,
  };
}

/** What went wrong, with the name of the first variant. */
async function runTogether(
  { device, pipelines }: Bench,
  variants: readonly KnownVariant[],
): Promise<string[]> {
  const problems: string[] = [];
  const dispatches = variants.map(({ dispatch }) => dispatch);
  const name = variants[0]!.key;
  device.pushErrorScope('internal');
  device.pushErrorScope('validation');
  try {
    await pipelines.getAll(dispatches.map(({ variant }) => variant));
    const arena = await Arena.allocate(device, tensorsOf(dispatches));
    const program = await Program.compile(device, pipelines, arena, name, dispatches);
    program.submit(Number.POSITIVE_INFINITY);
    await device.queue.onSubmittedWorkDone();
    program.destroy();
    arena.destroy();
  } catch (error) {
    problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
  for (let scope = 0; scope < 2; scope++) {
    const error = await device.popErrorScope();
    if (error) problems.push(`${name}: ${error.message}`);
  }
  return problems;
}
