/** Chooses the kernels of a run: asked for, recorded, or the fastest of those that pass a self-test. */
import { EngineError } from '../core/errors.ts';
import type { AdapterReport } from '../gpu/device.ts';
import type { AttentionKernel, MatmulKernel, Operation, Target } from '../gpu/operation.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import {
  type MatrixShape,
  NOT_USED,
  SUBGROUP_MATRIX,
  shapeName,
  usableShapes,
} from '../gpu/subgroupMatrix.ts';
import { makeTarget } from '../gpu/target.ts';
import { ATTENTION, type Families, fastest, MATMUL, type Part, packedFault } from './kernelFamilies.ts';
import type { AskedKernels } from './kernelOption.ts';
import { type Gpu, KernelTimer, keyOf, largestOfEach, type Sample } from './kernelTiming.ts';
import { matrixFault } from './matrixSelfTest.ts';
import { squareMatmuls } from './squareMatmuls.ts';

export interface KernelChoice extends Families {
  /** Shapes that passed the self-test and are faster than `matmul`. */
  readonly matrixShapes: readonly MatrixShape[];
  /** The reason why matrix units that the adapter offers, or some of their shapes, are not used; null if there is none. */
  readonly matrixNote: string | null;
  /** Whether products of 8-bit integers are formed four at a time. It changes no bit, and is not recorded. */
  readonly packedProducts?: boolean;
  /** The families that failed their self-test and were passed over; null if there is none. */
  readonly note: string | null;
}

/** A choice in the form in which a run records it. */
export type RecordedKernels = {
  readonly matmul: MatmulKernel;
  /** Absent in records of versions with one family of attention. */
  readonly attention?: AttentionKernel;
  /** Matrix shapes in use, or the reason why none is; absent if the adapter offers no matrix units. */
  readonly subgroupMatrix?: string;
  readonly note?: string;
};

/** Whether a run with these kernels may use matrix units. */
export function usesMatrixUnits({ subgroupMatrix }: RecordedKernels): boolean {
  return subgroupMatrix !== undefined && !subgroupMatrix.startsWith(NOT_USED);
}

/** The family of attention in versions that had one. */
export const FIRST_ATTENTION: AttentionKernel = 'register';

/** Compilers say a lot, and run files take only so many characters. */
const MOST_WORDS = 2000;

export function recordKernels(choice: KernelChoice): RecordedKernels {
  const { matmul, attention, matrixShapes, matrixNote, note } = choice;
  const matrices =
    matrixShapes.length > 0
      ? matrixShapes.map(shapeName).join(', ')
      : matrixNote === null
        ? undefined
        : `${NOT_USED}${matrixNote}`;
  return {
    matmul,
    attention,
    ...(matrices !== undefined && { subgroupMatrix: matrices.slice(0, MOST_WORDS) }),
    ...(note !== null && { note: note.slice(0, MOST_WORDS) }),
  };
}

/** Restores the choice that a run was saved with, without matrix shapes that do not pass the self-test here. Waits for the GPU. */
export async function recordedChoice(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
  { matmul, attention = FIRST_ATTENTION, subgroupMatrix, note: recordedNote }: RecordedKernels,
): Promise<KernelChoice> {
  const families = { matmul, attention, note: recordedNote ?? null };
  if (subgroupMatrix === undefined) return { ...families, matrixShapes: [], matrixNote: null };
  if (subgroupMatrix.startsWith(NOT_USED)) {
    return { ...families, matrixShapes: [], matrixNote: subgroupMatrix.slice(NOT_USED.length) };
  }
  const names = subgroupMatrix.split(', ');
  const isWanted = (shape: MatrixShape) => names.includes(shapeName(shape));
  if (!usableShapes(report.matrixConfigs).some(isWanted)) {
    const matrixNote = `${subgroupMatrix}, which the run began with, is not here`;
    return { ...families, matrixShapes: [], matrixNote };
  }
  const { proven, faults } = await proveShapes({ device, pipelines, report }, matmul, isWanted);
  return { ...families, matrixShapes: proven, matrixNote: faults.join('; ') || null };
}

const choices = new WeakMap<GPUDevice, Map<string, Promise<KernelChoice>>>();

export interface ChoiceOptions {
  /** What the run dispatches; square matmuls unless given. */
  readonly sample?: Sample;
  /** Families that are not chosen but asked for. */
  readonly asked?: AskedKernels;
  /** What is not asked for is taken from this choice. */
  readonly recorded?: KernelChoice | undefined;
}

/**
 * Returns the kernels for a run. The choice is made once for each device and what is timed on it, and waits for the GPU.
 * @throws EngineError OUT_OF_MEMORY or SHADER_COMPILE; BAD_VALUE where the adapter cannot run what is asked for
 */
export function chooseKernels(
  device: GPUDevice,
  pipelines: PipelineCache,
  report: AdapterReport,
  { sample = squareMatmuls, asked = {}, recorded }: ChoiceOptions = {},
): Promise<KernelChoice> {
  const gpu = { device, pipelines, report };
  if (recorded) return choose(gpu, sample, asked, recorded);
  const key = JSON.stringify([
    isTimed(report, asked) ? timedOn(sample(targetOf(report, expected(report)))) : null,
    asked,
  ]);
  const made = choices.get(device) ?? new Map<string, Promise<KernelChoice>>();
  choices.set(device, made);
  let choice = made.get(key);
  if (!choice) {
    choice = choose(gpu, sample, asked);
    made.set(key, choice);
    choice.catch(() => made.delete(key)); // the next attempt may have enough memory
  }
  return choice;
}

/** Whether measurements decide any part of the choice, which then depends on the sample. */
function isTimed(report: AdapterReport, asked: AskedKernels): boolean {
  const families =
    (asked.matmul === undefined && MATMUL.candidates(report).length > 1) ||
    (asked.attention === undefined && ATTENTION.candidates(report).length > 1);
  const matrices = asked.matrix === undefined && !report.isFallback;
  return families || (matrices && report.features.includes(SUBGROUP_MATRIX));
}

/** Equal for operations on which the choice is the same. */
function timedOn(operations: readonly Operation[]): string {
  return keyOf(largestOfEach(operations, (one) => MATMUL.isOf(one) || ATTENTION.isOf(one)));
}

function expected(report: AdapterReport): Families {
  return { matmul: MATMUL.candidates(report)[0]!, attention: ATTENTION.candidates(report)[0]! };
}

function targetOf(
  report: AdapterReport,
  families: Families,
  matrixShapes: readonly MatrixShape[] = [],
): Target {
  return makeTarget(report, report.half, { ...families, matrixShapes });
}

/** Another kernel must be this much faster to be taken, so that noise does not change the choice. */
const CLEAR_WIN = 0.9;

async function choose(
  gpu: Gpu,
  sample: Sample,
  asked: AskedKernels,
  recorded?: KernelChoice,
): Promise<KernelChoice> {
  const { report } = gpu;
  const timer = new KernelTimer(gpu);
  const notes: string[] = recorded?.note ? [recorded.note] : [];
  let families = expected(report);
  const seconds = (part: Pick<Part, 'isOf'>, of: Families, shapes: readonly MatrixShape[] = []) =>
    timer.seconds(largestOfEach(sample(targetOf(report, of, shapes)), part.isOf));
  const family = async <Id extends keyof Families>(part: Part<Id>): Promise<Families[Id]> => {
    const name = asked[part.id] as Families[Id] | undefined;
    // Tests cover what software adapters take.
    const faultOf = async (one: Families[Id]) =>
      report.isFallback && one === part.candidates(report)[0] ? null : part.fault(gpu, one);
    if (name !== undefined) {
      const fault = await faultOf(name);
      if (fault) throw refused(gpu, part.optionOf(name), fault);
      return name;
    }
    if (recorded) return recorded[part.id];
    const best = await fastest<Families[Id]>(part.candidates(report), {
      seconds: (one) => seconds(part, { ...families, [part.id]: one }),
      fault: faultOf,
      plain: part.plain,
      clearWin: CLEAR_WIN,
    });
    notes.push(...best.notes);
    return best.name;
  };
  families = { ...families, matmul: await family(MATMUL) };
  families = { ...families, attention: await family(ATTENTION) };
  const withShapes = (shapes: readonly MatrixShape[]) => seconds(MATMUL, families, shapes);
  const matrices =
    recorded && asked.matrix === undefined
      ? recorded
      : await chooseMatrices(gpu, families.matmul, asked.matrix, withShapes);
  const { matrixShapes, matrixNote } = matrices;
  const packedProducts = await packs(gpu, asked.packed, () => sample(targetOf(report, families)), notes);
  return { ...families, matrixShapes, matrixNote, packedProducts, note: notes.join('; ') || null };
}

/** Whether a run that multiplies 8-bit integers does so four at a time: where WGSL can on a GPU, and the self-test passes. */
async function packs(
  gpu: Gpu,
  asked: boolean | undefined,
  sample: () => readonly Operation[],
  notes: string[],
): Promise<boolean> {
  const { isFallback, packedProducts = false } = gpu.report;
  const isWanted = asked ?? (packedProducts && !isFallback && sample().some(multipliesIntegers));
  if (!isWanted) return false;
  const fault = await packedFault(gpu);
  if (fault && asked) throw refused(gpu, 'packed', fault);
  if (fault) notes.push(`packed is not used: ${fault}`);
  return fault === null;
}

function multipliesIntegers(operation: Operation): boolean {
  if (operation.kind !== 'dispatch' || !MATMUL.isOf(operation)) return false;
  const { a, b } = operation.variant.slots;
  return [a, b].every((slot) => slot?.startsWith('i8'));
}

function refused({ report }: Gpu, option: string, why: string): EngineError {
  return new EngineError(
    'BAD_VALUE',
    `kernels ${option} was given, and ${report.name} cannot run it: ${why}.`,
    'Leave kernels out to use the fastest that pass their self-test.',
  );
}

/** @param seconds of the sample's matmuls with shapes; null where it was not measured */
async function chooseMatrices(
  gpu: Gpu,
  matmul: MatmulKernel,
  asked: boolean | undefined,
  seconds: (shapes: readonly MatrixShape[]) => Promise<number | null>,
): Promise<Pick<KernelChoice, 'matrixShapes' | 'matrixNote'>> {
  const isOffered = gpu.report.features.includes(SUBGROUP_MATRIX);
  if (asked === false) return { matrixShapes: [], matrixNote: isOffered ? 'not asked for' : null };
  if (!isOffered && !asked) return { matrixShapes: [], matrixNote: null };
  // Nothing on a CPU multiplies matrices at once.
  if (gpu.report.isFallback && !asked) return { matrixShapes: [], matrixNote: 'slower on software adapters' };
  const { proven, faults } = await proveShapes(gpu, matmul, () => true);
  const matrixShapes: MatrixShape[] = [];
  const notes = [...faults];
  let best = asked || proven.length === 0 ? null : await seconds([]);
  for (const shape of proven) {
    if (matrixShapes.some(({ component }) => component === shape.component)) continue;
    const time = asked ? 0 : best === null ? null : await seconds([...matrixShapes, shape]);
    if (time === null) notes.push(`${shapeName(shape)} was not timed`);
    else if (asked || time < best! * CLEAR_WIN) {
      matrixShapes.push(shape);
      best = time;
    } else notes.push(`${shapeName(shape)} is not faster than ${matmul} in this run`);
  }
  if (asked && matrixShapes.length === 0) throw refused(gpu, 'matrix', notes.join('; '));
  return { matrixShapes, matrixNote: notes.join('; ') || null };
}

async function proveShapes(
  { device, pipelines, report }: Gpu,
  plain: MatmulKernel,
  isWanted: (shape: MatrixShape) => boolean,
): Promise<{ proven: MatrixShape[]; faults: string[] }> {
  if (!report.features.includes(SUBGROUP_MATRIX))
    return { proven: [], faults: ['it offers no matrix units'] };
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
