/** Chooses the kernels of a run. They are timed and tested once for each device. */
import { Arena } from '../gpu/arena.ts';
import type { AdapterReport } from '../gpu/device.ts';
import type { MatmulKernel } from '../gpu/operation.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { Program } from '../gpu/program.ts';
import {
  type MatrixShape,
  NOT_USED,
  SUBGROUP_MATRIX,
  shapeName,
  usableShapes,
} from '../gpu/subgroupMatrix.ts';
import { makeTarget, matmulCandidates } from '../gpu/target.ts';
import { secondsPerReplay } from '../gpu/timing.ts';
import type { FormatId } from '../precision/formats.ts';
import { matmul } from './matmul.ts';
import { matrixFault } from './matrixSelfTest.ts';

export interface KernelChoice {
  readonly matmul: MatmulKernel;
  /** Shapes that passed the self-test and are faster than `matmul`. */
  readonly matrixShapes: readonly MatrixShape[];
  /** The reason why matrix units that the adapter offers, or some of their shapes, are not used; null if there is none. */
  readonly matrixNote: string | null;
}

/** A choice in the form in which a run records it. */
export type RecordedKernels = {
  readonly matmul: MatmulKernel;
  /** Matrix shapes in use, or the reason why none is; absent if the adapter offers no matrix units. */
  readonly subgroupMatrix?: string;
};

/** Whether a run with these kernels may use matrix units. */
export function usesMatrixUnits({ subgroupMatrix }: RecordedKernels): boolean {
  return subgroupMatrix !== undefined && !subgroupMatrix.startsWith(NOT_USED);
}

export function recordKernels({ matmul, matrixShapes, matrixNote }: KernelChoice): RecordedKernels {
  if (matrixShapes.length > 0) return { matmul, subgroupMatrix: matrixShapes.map(shapeName).join(', ') };
  return matrixNote === null ? { matmul } : { matmul, subgroupMatrix: `${NOT_USED}${matrixNote}` };
}

/** Restores the choice that a run was saved with, without matrix shapes that do not pass the self-test here. Waits for the GPU. */
export async function recordedChoice(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
  { matmul, subgroupMatrix }: RecordedKernels,
): Promise<KernelChoice> {
  if (subgroupMatrix === undefined) return { matmul, matrixShapes: [], matrixNote: null };
  if (subgroupMatrix.startsWith(NOT_USED)) {
    return { matmul, matrixShapes: [], matrixNote: subgroupMatrix.slice(NOT_USED.length) };
  }
  const names = subgroupMatrix.split(', ');
  const isWanted = (shape: MatrixShape) => names.includes(shapeName(shape));
  if (!usableShapes(report.matrixConfigs).some(isWanted)) {
    return {
      matmul,
      matrixShapes: [],
      matrixNote: `${subgroupMatrix}, which the run began with, is not here`,
    };
  }
  const { proven, faults } = await proveShapes(device, pipelines, report, matmul, isWanted);
  return { matmul, matrixShapes: proven, matrixNote: faults.join('; ') || null };
}

const choices = new WeakMap<GPUDevice, Promise<KernelChoice>>();

/**
 * Chooses the kernels for a device. The first call for a device waits for the GPU; later calls return the same choice.
 * @throws EngineError OUT_OF_MEMORY or SHADER_COMPILE
 */
export function chooseKernels(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
): Promise<KernelChoice> {
  let choice = choices.get(device);
  if (!choice) {
    choice = choose(device, pipelines, report);
    choices.set(device, choice);
    choice.catch(() => choices.delete(device)); // the next attempt may have enough memory
  }
  return choice;
}

/** Another kernel must take less than this share of the best time to be chosen, so that noise does not change the choice. */
const CLEAR_WIN = 0.9;

async function choose(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
): Promise<KernelChoice> {
  const [expected, ...others] = matmulCandidates(report);
  const seconds = (kernel: MatmulKernel, matrixShapes: readonly MatrixShape[], type: FormatId) =>
    secondsOfSquare(device, pipelines, report, { matmul: kernel, matrixShapes, matrixNote: null }, type);
  let kernel = expected!;
  if (others.length > 0) {
    // All candidates add in the same order, so the choice changes speed but no result.
    let best = await seconds(kernel, [], 'f32');
    for (const other of others) {
      const time = await seconds(other, [], 'f32');
      if (time >= best * CLEAR_WIN) continue;
      kernel = other;
      best = time;
    }
  }
  const { proven, faults } = await proveShapes(device, pipelines, report, kernel, () => true);
  const matrixShapes: MatrixShape[] = [];
  const notes = [...faults];
  for (const shape of proven) {
    if (matrixShapes.some(({ component }) => component === shape.component)) continue;
    const plain = await seconds(kernel, [], shape.component);
    const faster = (await seconds(kernel, [shape], shape.component)) < plain * CLEAR_WIN;
    if (faster) matrixShapes.push(shape);
    else notes.push(`${shapeName(shape)} is not faster than ${kernel}`);
  }
  return { matmul: kernel, matrixShapes, matrixNote: notes.join('; ') || null };
}

async function proveShapes(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
  plain: MatmulKernel,
  isWanted: (shape: MatrixShape) => boolean,
): Promise<{ proven: MatrixShape[]; faults: string[] }> {
  if (!report.features.includes(SUBGROUP_MATRIX)) return { proven: [], faults: [] };
  if (!report.subgroup?.size) {
    return { proven: [], faults: [`they need subgroups: ${report.subgroup?.note ?? 'there are none'}`] };
  }
  const shapes = usableShapes(report.matrixConfigs).filter(isWanted);
  const proven: MatrixShape[] = [];
  const faults: string[] = [];
  for (const shape of shapes) {
    const fault = await matrixFault(device, pipelines, report, plain, shape);
    if (fault) faults.push(fault);
    else proven.push(shape);
  }
  if (shapes.length === 0)
    faults.push('the adapter has no matrices of a fitting shape that are summed in f32');
  return { proven, faults };
}

/** Square matrices large enough to fill a GPU. */
const SIZE = 1024;
const MOST_REPLAYS = 64;

async function secondsOfSquare(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
  choice: KernelChoice,
  type: FormatId,
): Promise<number> {
  const tensor = (name: string, format: FormatId) => ({ name, type: format, elements: SIZE * SIZE }) as const;
  const [a, b, out] = [tensor('tune a', type), tensor('tune b', type), tensor('tune out', 'f32')];
  const found = { name: 'tune found', type: 'u32', elements: 4 } as const;
  const arena = await Arena.allocate(device, [a, b, out, found]);
  try {
    const target = makeTarget(report, report.half, choice);
    const operation = matmul(target, { label: 'tune', a, b, out, m: SIZE, n: SIZE, k: SIZE, found });
    const program = await Program.compile(device, pipelines, arena, 'tune', [operation]);
    program.submit(Number.POSITIVE_INFINITY); // includes the work that drivers postpone until a pipeline is first used
    const seconds = await secondsPerReplay(device, program, MOST_REPLAYS);
    program.destroy();
    return seconds;
  } finally {
    arena.destroy();
  }
}
