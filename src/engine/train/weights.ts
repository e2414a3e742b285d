/** Uploads parameters and the initial state of a run to the GPU. */

import { scalingOf, type TrainConfig } from '../config/trainConfig.ts';
import { Arena } from '../gpu/arena.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { Program } from '../gpu/program.ts';
import { fixedRange } from '../kernels/fixedMaster.ts';
import { blockLevelTable, levelTable } from '../kernels/levels.ts';
import { convertFormat } from '../kernels/optimizer.ts';
import { initialStepState, NO_SITE } from '../kernels/stepState.ts';
import { angleTable } from '../model/angles.ts';
import { weightCopies } from '../model/keptWeights.ts';
import type { ModelRun } from '../model/modelRun.ts';
import type { RunTensors } from '../model/tensors.ts';
import { scheduleTable } from './lrSchedule.ts';

/** What the weights that matmuls read are made from. */
type MadeWeights = Pick<
  RunTensors,
  'chunks' | 'parameters' | 'computeWeights' | 'weightPartials' | 'scales' | 'levels'
>;

/**
 * Uploads every parameter; the GPU rounds it to the formats of the master and compute weights, and averages begin with it.
 * One CPU-GPU sync for each chunk of parameters.
 * @param valuesOf returns (rows * columns) f32 of the parameter called `name`
 */
export async function uploadParameters(
  device: GPUDevice,
  arena: Arena,
  pipelines: PipelineCache,
  target: Target,
  tensors: MadeWeights,
  valuesOf: (name: string) => Float32Array | Promise<Float32Array>,
): Promise<void> {
  // The parts of a parameter lie in consecutive chunks, so its values are requested only once.
  let newest: { name: string; values: Float32Array } = { name: '', values: new Float32Array(0) };
  for (const chunk of tensors.chunks) {
    const values = new Float32Array(chunk.elements);
    for (const [name, { spec, parts }] of tensors.parameters) {
      for (const { master, firstRow } of parts) {
        if (master.tensor !== chunk.master) continue;
        if (newest.name !== name) newest = { name, values: await valuesOf(name) };
        const first = firstRow * spec.columns;
        values.set(newest.values.subarray(first, first + master.elements), master.offset);
      }
    }
    const staging = { name: 'upload', type: 'f32', elements: chunk.elements } as const;
    const stagingArena = await Arena.allocate(device, [staging]);
    device.queue.writeBuffer(stagingArena.buffer(staging), 0, values);
    const { elements, master, low, compensation, fixed, average } = chunk;
    const upload = { inp: staging, elements, label: 'upload' };
    const operations: Operation[] = [
      convertFormat(target, { ...upload, out: master, low }),
      ...(fixed ? [fixedRange(target, { fixed, master, elements })] : []),
      ...(compensation ? [{ kind: 'clear', target: compensation } as const] : []),
      ...(average ? [convertFormat(target, { ...upload, out: average })] : []),
    ];
    const both = {
      range: (operand: Parameters<Arena['range']>[0]) =>
        (operand === staging ? stagingArena : arena).range(operand),
    };
    const program = await Program.compile(device, pipelines, both, 'upload', operations);
    program.submit(Number.POSITIVE_INFINITY);
    await device.queue.onSubmittedWorkDone();
    program.destroy();
    stagingArena.destroy();
  }
  await computeCopies(device, arena, pipelines, target, tensors);
}

/** Rounds or quantises the master weights to the compute weights in modes that have both. Waits for the GPU. */
export async function computeCopies(
  device: GPUDevice,
  arena: Arena,
  pipelines: PipelineCache,
  target: Target,
  tensors: MadeWeights,
): Promise<void> {
  const operations = weightCopies(target, tensors, 'master');
  const program = await Program.compile(device, pipelines, arena, 'compute weights', operations);
  program.submit(Number.POSITIVE_INFINITY);
  await device.queue.onSubmittedWorkDone();
  program.destroy();
}

/** Writes the angles of RoPE, if the model has them. */
export function writeAngles(
  device: GPUDevice,
  arena: Arena,
  { angles, gpt }: Pick<ModelRun, 'angles' | 'gpt'>,
): void {
  if (angles) device.queue.writeBuffer(arena.buffer(angles), 0, angleTable(gpt));
}

/** Writes the state before step 1: loss scale, no overflow, learning-rate table, RoPE's angles. Moments are zero from allocation. */
export function writeInitialState(
  device: GPUDevice,
  arena: Arena,
  tensors: RunTensors,
  config: TrainConfig,
): void {
  const scaling = scalingOf(config, tensors.recipe);
  const scale =
    scaling.kind === 'dynamic' ? scaling.initialScale : scaling.kind === 'static' ? scaling.scale : 1;
  device.queue.writeBuffer(arena.buffer(tensors.state), 0, initialStepState(scale));
  writeAngles(device, arena, tensors);
  writeInitialScales(device, arena, tensors);
  writeLevels(device, arena, tensors, 'first');
  forgetOverflow(device, arena.buffer(tensors.found));
  forgetOverflow(device, arena.buffer(tensors.evalFound));
  device.queue.writeBuffer(
    arena.buffer(tensors.schedule),
    0,
    scheduleTable(config) as Float32Array<ArrayBuffer>,
  );
}

/** Writes a scale of 1 for each tensor that has one. */
export function writeInitialScales(
  { queue }: GPUDevice,
  arena: Arena,
  { scales }: Pick<RunTensors, 'scales'>,
): void {
  if (scales) queue.writeBuffer(arena.buffer(scales.scales), 0, scales.initialValues());
}

/**
 * Writes the table of levels, at the first stage of a run or at the last, which a finished model has. Blocks that choose their
 * levels begin at the last.
 */
export function writeLevels(
  { queue }: GPUDevice,
  arena: Arena,
  { levels, recipe }: Pick<RunTensors, 'levels' | 'recipe'>,
  at: 'first' | 'last',
): void {
  if (!levels) return;
  const { table, ofBlocks } = levels;
  const { stages } = recipe;
  const last = stages.length - 1;
  const words = ofBlocks
    ? blockLevelTable(stages, new Array<number>(ofBlocks.blocks).fill(last))
    : levelTable(stages, at === 'first' ? 0 : last);
  queue.writeBuffer(arena.buffer(table), 0, words);
}

/** Clears the found-inf flag, as the optimizer does after each step. */
export function forgetOverflow(device: GPUDevice, found: GPUBuffer): void {
  device.queue.writeBuffer(found, 0, new Uint32Array([NO_SITE]));
}
