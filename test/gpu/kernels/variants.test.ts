import { describe, expect, test } from 'vitest';
import { kernelNames } from '../../../src/engine/shaders.ts';
import { allVariants, runVariants, type VariantRun } from './variants.ts';
import { withBench } from './withBench.ts';

function print(title: string, { ran, cannotRun, seconds }: VariantRun): void {
  console.log(`${title}: ${ran} variants ran in ${seconds.toFixed(1)} s, ${cannotRun.length} cannot`);
}

describe('every variant is compiled and dispatched', () => {
  test('with all features', { timeout: 1_500_000 }, () =>
    withBench(async (bench) => {
      const variants = await allVariants(bench.report.subgroupSize!.min);
      const result = await runVariants(bench, variants);
      print('all features', result);
      expect(result.failures).toEqual([]);
      expect(result.cannotRun).toEqual([]);
      expect(result.ran).toBeGreaterThan(300);
    }),
  );

  test('with core WebGPU only, on its guaranteed limits', { timeout: 1_500_000 }, () =>
    withBench(
      async (bench) => {
        const result = await runVariants(bench, await allVariants(null));
        print('no features', result);
        expect(result.failures).toEqual([]);
        for (const key of result.cannotRun) expect(key).toMatch(/f16_native|peak_fma . half/);
        expect(result.ran).toBeGreaterThan(100);
      },
      { features: [], limits: {} },
    ),
  );
});

test('every kernel file has a variant', async () => {
  const kernels = new Set((await allVariants(8)).map(({ dispatch }) => dispatch.variant.kernel));
  expect([...kernels].sort()).toEqual(kernelNames());
});
