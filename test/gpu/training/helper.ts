/** Small trainers for the training tests, and what they hold as numbers. */
import { expect } from 'vitest';
import { ELEMENT_MS } from '../../../e2e/limits.ts';
import { describeRun, type RunDescription, writeRun } from '../../../src/engine/checkpoint/runFile.ts';
import type { Snapshots } from '../../../src/engine/checkpoint/snapshot.ts';
import { integerAt } from '../../../src/engine/core/rng.ts';
import {
  bytesPerElement,
  formatOf,
  type Operand,
  type Tensor,
  tensorOf,
} from '../../../src/engine/gpu/tensor.ts';
import {
  createDataset,
  createTrainer,
  type Dataset,
  presetOf,
  reportOf,
  type StepMetrics,
  type TrainConfig,
  type Trainer,
  type TrainerOptions,
} from '../../../src/engine/index.ts';
import { readStepState, type StepState } from '../../../src/engine/kernels/stepState.ts';
import type { ParameterPart } from '../../../src/engine/model/chunks.ts';
import type { Batch, Parameters } from '../../../src/engine/reference/model.ts';
import { decodeBits } from '../../../src/engine/reference/rounding.ts';
import { type DeviceContext, withDevice } from '../device.ts';

/**
 * Two layers of width 32: 128 rows, so that the LM head works in two chunks of 64. Head size 16, as the PyTorch fixture:
 * all tests but those of the preset compile the same kernels.
 */
export const TINY: TrainConfig = {
  ...presetOf('smoke').config,
  precision: 'fp32',
  layers: 2,
  heads: 2,
  width: 32,
  context: 16,
  batch: 8,
  steps: 20,
  warmup: 2,
  growthInterval: null,
  evalEvery: 0,
  evalBatches: 2,
  sampleLength: 0,
  // Nothing is timed: the software adapters take it anyway.
  kernels: 'register32',
};

export const TINY_VOCABULARY = 40;

/** `length` letters of an alphabet of `vocabulary`: a walk that mostly goes on, so that there is something to learn. */
export function letters(vocabulary = TINY_VOCABULARY, length = 4000): string {
  const codes: number[] = Array.from({ length: vocabulary }, (_, i) => i);
  while (codes.length < length) {
    const jump = integerAt(codes.length, 9, 8) === 0 ? integerAt(codes.length, 10, vocabulary) : 3;
    codes.push((codes.at(-1)! + jump) % vocabulary);
  }
  return String.fromCharCode(...codes.map((code) => 48 + code));
}

export function datasetFor(config: TrainConfig, text = letters()): Dataset {
  return createDataset(text, { name: 'letters', tokenizer: config.tokenizer, context: config.context });
}

export interface TinyOptions extends TrainerOptions {
  readonly text?: string;
  /** Sees the device before the trainer does. */
  readonly prepare?: (device: GPUDevice) => void;
  /** Features of the device; all that the adapter offers when left out. */
  readonly features?: GPUFeatureName[] | undefined;
  /** Toggles of Dawn. */
  readonly dawn?: string[] | undefined;
}

/** Runs `body` with a trainer of {@link TINY} changed by `overrides`, on a device of its own. */
export function withTrainer<T>(
  overrides: Partial<TrainConfig>,
  body: (trainer: Trainer, context: DeviceContext) => T | Promise<T>,
  { text, prepare, features, dawn, ...options }: TinyOptions = {},
): Promise<T> {
  const config = { ...TINY, ...overrides };
  return withDevice(
    async (device, context) => {
      prepare?.(device);
      const trainer = await createTrainer(
        device,
        reportOf(context.adapter, device),
        config,
        datasetFor(config, text),
        options,
      );
      try {
        return await body(trainer, context);
      } finally {
        trainer.destroy();
      }
    },
    { ...(features && { features }), ...(dawn && { dawn }) },
  );
}

/** What a step computed: the same every time, unlike how long it took. */
/** Waits until no step is on its way: all that were submitted have been reported, and none follows. */
export async function settled(trainers: readonly Trainer[]): Promise<void> {
  let quiet = 0;
  const look = () => {
    quiet = trainers.every(({ pendingReadbacks }) => pendingReadbacks === 0) ? quiet + 1 : 0;
    return quiet;
  };
  await expect
    .poll(look, { message: 'looks in a row that find no step on its way', timeout: ELEMENT_MS, interval: 20 })
    .toBeGreaterThan(5);
}

export type StepResult = Omit<StepMetrics, 'gpuMs'>;

export function resultOf({ gpuMs: _, ...result }: StepMetrics): StepResult {
  return result;
}

/** Takes `count` steps and waits for their metrics. */
export async function takeSteps(trainer: Trainer, count: number): Promise<StepResult[]> {
  return (await takeTimedSteps(trainer, count)).map(resultOf);
}

export async function takeTimedSteps(trainer: Trainer, count: number): Promise<StepMetrics[]> {
  for (let i = 0; i < count; i++) {
    await trainer.waitForRoom();
    trainer.step();
  }
  await trainer.drain();
  return trainer.takeMetrics();
}

export async function stateOf(trainer: Trainer): Promise<StepState> {
  return readStepState(await trainer.read(trainer.plan.tensors.state));
}

/** Words of `StepState` that tests drive by hand; see shaders/lib/step_state.wgsl. */
export function writeScale(trainer: Trainer, scale: number): void {
  const state = trainer.arena.buffer(trainer.plan.tensors.state);
  trainer.device.queue.writeBuffer(state, 0, new Float32Array([scale, 1 / scale]));
}

/** The values of an operand of a number format, exact in f64. */
export async function numbersOf(trainer: Trainer, operand: Operand): Promise<Float64Array> {
  const tensor = tensorOf(operand);
  const all = decode(tensor, await trainer.read(tensor));
  return 'tensor' in operand ? all.slice(operand.offset, operand.offset + operand.elements) : all;
}

function decode(tensor: Tensor, bytes: ArrayBuffer): Float64Array {
  const format = formatOf(tensor);
  const codes = bytesPerElement(format) === 2 ? new Uint16Array(bytes) : new Uint32Array(bytes);
  return Float64Array.from(codes.subarray(0, tensor.elements), (code) => decodeBits(format, code));
}

/** Every parameter's master, gradient or optimizer state by name; of frozen ones only masters. */
export async function parametersOf(
  trainer: Trainer,
  which: 'master' | 'gradient' | { readonly state: string },
): Promise<Parameters> {
  const values: Parameters = new Map();
  const sliceOf = (part: ParameterPart) =>
    typeof which === 'string' ? part[which] : part.states[which.state];
  for (const [name, { rule, parts }] of trainer.plan.tensors.parameters) {
    if (which !== 'master' && !rule) continue;
    const numbers = await Promise.all(parts.map((part) => numbersOf(trainer, sliceOf(part)!)));
    values.set(
      name,
      numbers.length === 1 ? numbers[0]! : Float64Array.from(numbers.flatMap((part) => [...part])),
    );
  }
  return values;
}

/** Replaces one number of one parameter. */
export async function setOne(trainer: Trainer, name: string, index: number, value: number): Promise<void> {
  const parameters = await parametersOf(trainer, 'master');
  parameters.get(name)![index] = value;
  await trainer.setParameters((wanted) => Float32Array.from(parameters.get(wanted)!));
}

/** Where the run stores a tensor of the model, by the name that the numerics panel gives it. */
export function storedAs(trainer: Trainer, name: string): Operand {
  return trainer.plan.tensors.training.stores.find((stored) => stored.name === name)!.operand;
}

/**
 * Bytes of all that training changes: weights, their rounded copies and lower halves, moments, delayed scales and their
 * history, and the step state.
 */
export async function snapshot(trainer: Trainer): Promise<Map<string, Buffer>> {
  const { chunks, state, computeWeights, scales, scratch } = trainer.plan.tensors;
  const tensors: Tensor[] = computeWeights.map(({ weight }) => weight.tensor);
  if (scales?.history) tensors.push(scales.scales, scales.history);
  const inChunks = chunks.flatMap((chunk) => [
    chunk.master,
    ...(chunk.compute ? [chunk.compute] : []),
    ...(chunk.low ? [chunk.low] : []),
    ...Object.values(chunk.states),
    ...(chunk.average ? [chunk.average] : []),
    ...(chunk.groups ? [chunk.groups] : []),
  ]);
  const kept = trainer.plan.tensors.planned.filter(({ category }) => category === 'optimizer');
  tensors.push(...[...scratch.values()].filter((one) => kept.some(({ tensor }) => tensor === one)));
  const copies = new Map<string, Buffer>();
  for (const tensor of [...tensors, ...inChunks, state])
    copies.set(tensor.name, Buffer.from(await trainer.read(tensor)));
  return copies;
}

/** The run as it would be saved after the steps submitted so far. @param told in place of what describes it */
export async function fileOf(
  trainer: Trainer,
  snapshots: Snapshots,
  told: Partial<RunDescription> = {},
): Promise<Buffer> {
  const taken = await snapshots.take(trainer.submittedSteps);
  const pieces: Uint8Array[] = [];
  for await (const piece of writeRun(taken, { ...describeRun(trainer, null), savedAt: 0, ...told }))
    pieces.push(piece.slice());
  taken.release();
  return Buffer.concat(pieces);
}

/** Names of the tensors whose bits differ. The step state is left out where it may move. */
export function differences(
  a: ReadonlyMap<string, Buffer>,
  b: ReadonlyMap<string, Buffer>,
  ignoreState = false,
): string[] {
  const names = [...a.keys()].filter((name) => !(ignoreState && name === 'step state'));
  return names.filter((name) => !a.get(name)!.equals(b.get(name)!));
}

/** Seeded tokens and targets; the same `index` gives the same batch. */
export function randomBatch(index: number, rows: number, vocabulary = TINY_VOCABULARY) {
  const draw = (seed: number) =>
    Uint32Array.from({ length: rows }, (_, i) => integerAt(index * rows + i, seed, vocabulary));
  return { tokens: draw(21), targets: draw(22) };
}

const ROWS = TINY.batch * TINY.context;

/**
 * A model that is certain of token 0 whatever it reads, so that only batches with other targets have a gradient to speak
 * of: certain ones are clean at any scale, others overflow f16 from 2^23 (1 / 128 * 2^23 = 65536).
 */
export async function makeCertain(trainer: Trainer): Promise<void> {
  await trainer.setParameters((name) => {
    const { spec } = trainer.plan.tensors.parameters.get(name)!;
    const values = new Float32Array(spec.rows * spec.columns);
    if (name === 'wte.weight') values.fill(1, 0, TINY.width);
    if (name === 'ln_f.bias') values.fill(1); // logits: C for token 0, 0 for others
    return values;
  });
}

export const certain = { tokens: new Uint32Array(ROWS), targets: new Uint32Array(ROWS) };
export const surprising = { tokens: new Uint32Array(ROWS), targets: new Uint32Array(ROWS).fill(1) };

/** A batch as the reference model takes it. */
export function referenceBatch(
  { tokens, targets }: { tokens: Uint32Array; targets: Uint32Array },
  { batch, context }: TrainConfig,
): Batch {
  return { tokens, targets, B: batch, T: context };
}

/** |a - b| / |b| in the 2-norm. */
export function relativeError(a: Float64Array, b: Float64Array): number {
  let error = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    error += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return norm === 0 && error === 0 ? 0 : Math.sqrt(error / norm);
}
