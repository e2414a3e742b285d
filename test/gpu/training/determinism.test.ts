/** The same seed gives the same bits, however halves are stored and whichever matmul kernel runs. */
import { expect, test } from 'vitest';
import type { TrainConfig } from '../../../src/engine/index.ts';
import { differences, parametersOf, snapshot, type TinyOptions, takeSteps, withTrainer } from './helper.ts';

function run(overrides: Partial<TrainConfig>, options: TinyOptions = {}) {
  return withTrainer(
    overrides,
    async (trainer) => {
      const metrics = await takeSteps(trainer, 10);
      return {
        metrics,
        end: await snapshot(trainer),
        valLoss: await trainer.evaluate(),
        storage: trainer.storage,
      };
    },
    options,
  );
}

type Run = Awaited<ReturnType<typeof run>>;

function expectSame(a: Run, b: Run): void {
  expect(a.metrics).toEqual(b.metrics);
  expect(a.valLoss).toBe(b.valLoss);
  expect(differences(a.end, b.end)).toEqual([]);
}

test('fp32: the same seed twice, another seed, the other matmul kernel', async () => {
  const first = await run({ precision: 'fp32' });
  expect(first.metrics).toHaveLength(10);
  expect(first.metrics.at(-1)!.loss).toBeLessThan(first.metrics[0]!.loss!);
  expectSame(await run({ precision: 'fp32' }), first);

  const other = await run({ precision: 'fp32', seed: 7 });
  const losses = ({ metrics }: Run) => metrics.map(({ loss }) => loss);
  for (const [i, loss] of losses(other).entries()) expect(loss).not.toBe(losses(first)[i]);

  // Both kernels sum in order of k, so the choice between them changes no bit. Other formats differ in loads and stores only.
  const tiled = await run({ precision: 'fp32', kernels: 'tiled' });
  expectSame(tiled, first);
});

test('fp16: the same seed twice, packed halves, no shader-f16, fp16-tf32', async () => {
  const first = await run({ precision: 'fp16', half: 'native' });
  expect(first.storage).toBe('native');
  expectSame(await run({ precision: 'fp16', half: 'native' }), first);
  const packed = await run({ precision: 'fp16', half: 'packed' });
  expect(packed.storage).toBe('packed');
  expectSame(packed, first);
  const withoutF16 = await run({ precision: 'fp16' }, { features: ['subgroups'] });
  expect(withoutF16.storage).toBe('packed');
  expectSame(withoutF16, first);
  expectSame(await run({ precision: 'fp16-tf32', half: 'native' }), first);
});

test('e8m10 to nearest even is tf32, bit for bit', async () => {
  expectSame(await run({ precision: 'e8m10', rounding: 'rne' }), await run({ precision: 'tf32' }));
});

test('parameters in several chunks train as in one', async () => {
  // An adapter with small bindings: 128 KiB hold half of the parameters, and the counts of the numerics panel.
  const prepare = (device: GPUDevice) => {
    const limits = { maxStorageBufferBindingSize: 2 ** 17, maxBufferSize: 2 ** 17 };
    Object.defineProperty(device, 'limits', { value: limits });
  };
  // Without a clip, since the partial sums of the norm are cut differently.
  const train = (options: TinyOptions) =>
    withTrainer(
      { precision: 'fp16', clip: 0, width: 48 },
      async (trainer) => {
        const metrics = await takeSteps(trainer, 5);
        return {
          metrics,
          chunks: trainer.plan.tensors.chunks.length,
          end: await parametersOf(trainer, 'master'),
        };
      },
      options,
    );
  const [whole, cut] = [await train({}), await train({ prepare })];
  expect(whole.chunks).toBe(1);
  expect(cut.chunks).toBeGreaterThan(1);
  expect(cut.end).toEqual(whole.end);
  for (const [i, { gradNorm, ...rest }] of cut.metrics.entries()) {
    const { gradNorm: wanted, ...others } = whole.metrics[i]!;
    expect(rest).toEqual(others);
    expect(Math.abs(gradNorm! / wanted! - 1)).toBeLessThan(1e-6);
  }
});
