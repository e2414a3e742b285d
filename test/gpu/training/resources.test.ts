/** After step 1 no GPU object is created and nothing waits; the buffers on the device match the plan. */
import { describe, expect, test } from 'vitest';
import { MLP_KINDS, NORM_KINDS } from '../../../src/engine/config/gptConfig.ts';
import { RECOMPUTE_LEVELS } from '../../../src/engine/config/trainConfig.ts';
import { Arena } from '../../../src/engine/gpu/arena.ts';
import { STAMP_BYTES } from '../../../src/engine/gpu/gpuClock.ts';
import type { Target } from '../../../src/engine/gpu/operation.ts';
import { byteLength } from '../../../src/engine/gpu/tensor.ts';
import { memoryPlan, PRECISION_MODES, type TrainConfig, type Trainer } from '../../../src/engine/index.ts';
import { buildSchedule } from '../../../src/engine/model/schedule.ts';
import { DEFAULT_LIMITS } from '../../../src/engine/model/tensors.ts';
import { quantizesHead } from '../../../src/engine/precision/recipes.ts';
import { withDevice } from '../device.ts';
import { stateOf, TINY, TINY_VOCABULARY, takeSteps, withTrainer } from './helper.ts';

const CREATORS = [
  'createBuffer',
  'createBindGroup',
  'createBindGroupLayout',
  'createPipelineLayout',
  'createComputePipeline',
  'createComputePipelineAsync',
  'createShaderModule',
  'createQuerySet',
  'createTexture',
] as const;

/** Counts calls on the device, its buffers and its queue from now on. */
function countCalls(device: GPUDevice): Map<string, number> {
  const calls = new Map<string, number>();
  const count = (name: string) => calls.set(name, (calls.get(name) ?? 0) + 1);
  const target = device as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of CREATORS) {
    const original = target[name]!.bind(device);
    target[name] = (...args) => {
      count(name);
      const made = original(...args);
      if (name === 'createBuffer') countMaps(made as GPUBuffer, count);
      return made;
    };
  }
  const { queue } = device;
  const workDone = queue.onSubmittedWorkDone.bind(queue);
  queue.onSubmittedWorkDone = () => {
    count('onSubmittedWorkDone');
    return workDone();
  };
  return calls;
}

function countMaps(buffer: GPUBuffer, count: (name: string) => void): void {
  const mapAsync = buffer.mapAsync.bind(buffer);
  buffer.mapAsync = (...args) => {
    count('mapAsync');
    return mapAsync(...args);
  };
}

const RING = 4;

describe('steps', () => {
  test.each(['fp32', 'fp16'] as const)(
    'in %s create nothing after the first, and map one small buffer each',
    async (precision) => {
      let calls: ReadonlyMap<string, number> & { clear?: () => void } = new Map();
      await withTrainer(
        { precision, accumulation: 2 },
        async (trainer) => {
          await takeSteps(trainer, 1);
          (calls as Map<string, number>).clear();
          for (let step = 2; step <= 20; step++) {
            expect(trainer.step()).toBeUndefined(); // and not a promise
            expect(Object.fromEntries(calls)).toEqual({ mapAsync: step - 1 });
            expect(trainer.pendingReadbacks).toBeLessThanOrEqual(RING);
            await trainer.waitForRoom();
          }
          await trainer.drain();
          expect(trainer.takeMetrics().map(({ step }) => step)).toEqual(
            Array.from({ length: 19 }, (_, i) => i + 2),
          );
        },
        {
          prepare: (device) => {
            calls = countCalls(device);
          },
          submitMs: Number.POSITIVE_INFINITY, // else steps on a busy machine are long enough to be timed
        },
      );
    },
  );

  test('with a full ring are refused before anything is submitted', () =>
    withTrainer({}, async (trainer) => {
      for (let i = 0; i < RING; i++) trainer.step();
      expect(trainer.pendingReadbacks).toBe(RING);
      expect(() => trainer.step()).toThrow(RangeError);
      expect(trainer.submittedSteps).toBe(RING);
      await trainer.drain();
      expect(trainer.pendingReadbacks).toBe(0);
      expect(await stateOf(trainer)).toMatchObject({ attempted: RING, applied: RING });
    }));
});

const LAST_KINDS = { norm: NORM_KINDS.at(-1)!, mlp: MLP_KINDS.at(-1)!, layerScale: 0.5 };
const SHAPES = [
  TINY,
  { ...TINY, layers: 1, heads: 4, width: 64, context: 20, batch: 3, tied: false, ...LAST_KINDS }, // 60 rows: less than a chunk of the head
  { ...TINY, layers: 3, heads: 1, width: 16, context: 40, batch: 5, steps: 7, recompute: 'gelu-ln' },
] as const satisfies readonly TrainConfig[];

describe('memory', () => {
  const everyShape = SHAPES.flatMap((shape) =>
    RECOMPUTE_LEVELS.map((recompute) => ({ ...shape, recompute })),
  );

  test.each(PRECISION_MODES)('%s: buffers have the planned sizes, at every level', (precision) =>
    withDevice(async (device, { buffers }) => {
      const settings: Partial<TrainConfig>[] = quantizesHead(precision)
        ? [{}, { quantizeHead: true, quantizeActivations: '1x16' }]
        : [{}];
      for (const shape of settings.flatMap((fp8) => everyShape.map((shape) => ({ ...shape, ...fp8 })))) {
        const { bytes, tensors } = memoryPlan({ ...shape, precision }, TINY_VOCABULARY);
        const arena = await Arena.allocate(
          device,
          tensors.planned.map(({ tensor }) => tensor),
        );
        const live = [...buffers].reduce((sum, { size }) => sum + size, 0);
        expect(live).toBe(bytes.total);
        expect(arena.liveBytes).toBe(bytes.total);
        const { total, ...categories } = bytes;
        expect(Object.values(categories).reduce((a, b) => a + b)).toBe(total);
        arena.destroy();
        expect(buffers.size).toBe(0);
      }
    }),
  );

  test('buffers of blocks with levels of their own have the planned sizes', () =>
    withTrainer(
      { ...SHAPES[0], precision: 'i8g8', precisionSchedule: 'noise', steps: 40 },
      async (trainer, { buffers }) => {
        const label = (name: string) => [...buffers].filter((buffer) => buffer.label === name);
        const { levels, planned } = trainer.plan.tensors;
        for (const tensor of [levels!.table, levels!.ofBlocks!.noise]) {
          expect(planned.map((each) => each.tensor)).toContain(tensor);
          expect(label(tensor.name).map(({ size }) => size)).toEqual([byteLength(tensor)]);
        }
        const isOfRun = ({ label }: GPUBuffer) => !/ params$|^readback |^step clock$/.test(label);
        const live = [...buffers].filter(isOfRun).reduce((sum, { size }) => sum + size, 0);
        expect(live).toBe(trainer.plan.bytes.total);
      },
    ));

  test.each([
    ['fp32', 1],
    ['fp16', 0],
    ['fp16-pure', 2],
  ] as const)(
    '%s: a trainer has the planned buffers, uniforms and a small ring, and leaves none',
    async (precision, shape) => {
      let left: ReadonlySet<GPUBuffer> | undefined;
      await withTrainer({ ...SHAPES[shape], precision }, async (trainer, { buffers }) => {
        await takeSteps(trainer, 1);
        await trainer.evaluate();
        await trainer.state();
        await trainer.snapshots();
        expectPlanned(trainer, buffers);
        await trainer.nextTokenLogits([1, 2]);
        trainer.destroy();
        left = new Set(buffers);
      });
      expect([...left!].map(({ label }) => label)).toEqual([]);
    },
  );
});

/** Any: a schedule has the same lists on all. */
const TARGET: Target = {
  ...{ half: 'packed', subgroup: null, lanes: 64, matmul: 'register32', attention: 'register' },
  ...{ matrixShapes: [], splitSums: true },
};

function expectPlanned(trainer: Trainer, buffers: ReadonlySet<GPUBuffer>): void {
  const byName = (a: readonly [string, number], b: readonly [string, number]) => (a[0] < b[0] ? -1 : 1);
  const live = [...buffers].map(({ label, size }) => [label, size] as const).sort(byName);
  const isParams = ([label]: readonly [string, number]) => label.endsWith(' params');
  const isSnapshot = ([label]: readonly [string, number]) => label.startsWith('snapshot of ');
  const isRing = ([label]: readonly [string, number]) => label.startsWith('readback ');
  // The clock of devices with timestamps: its own 16 bytes, and as many behind the step state in the ring.
  const clock = [['step clock', STAMP_BYTES] as const];
  const planned = trainer.plan.tensors.planned.map(
    ({ tensor }) => [tensor.name, byteLength(tensor)] as const,
  );
  expect(live.filter((buffer) => !isParams(buffer) && !isRing(buffer) && !isSnapshot(buffer))).toEqual(
    [...planned, ...clock].sort(byName),
  );
  const { config, dataset, memory } = trainer;
  const { vocabulary } = dataset.tokenizer;
  const saved = memoryPlan(config, vocabulary, { ...DEFAULT_LIMITS, saved: true }).bytes;
  expect(live.filter(isSnapshot).reduce((sum, [, size]) => sum + size, 0)).toBe(saved.snapshot);
  expect(memory).toEqual(saved);
  expect(live.filter(isRing)).toEqual(
    Array.from({ length: RING }, (_, i) => [`readback ${i}`, 64 + STAMP_BYTES]),
  );
  // One for each list of the schedule, 256 bytes a dispatch: some two hundred for three layers.
  const params = live.filter(isParams);
  const lists = Object.keys(buildSchedule(TARGET, trainer.plan.tensors, config));
  expect(params).toHaveLength(lists.length);
  const bytes = params.reduce((sum, [, size]) => sum + size, 0);
  expect(bytes).toBeLessThanOrEqual(256 * 40 * (trainer.config.layers + 2));
  console.log(`${trainer.config.precision}: plan ${trainer.plan.bytes.total}, uniforms ${bytes}`);
}
