import { expect, test } from 'playwright/test';
import { probeAdapter } from './probe-adapter.ts';

// Properties of the adapters that e2e/software-gpu provides. If one of these values changes, other tests no longer test
// what they claim. The project `gpu` has whatever adapter the machine has.
const EXPECTED: Record<string, { f16: boolean; subgroupSize: number }> = {
  swiftshader: { f16: false, subgroupSize: 4 },
  lavapipe: { f16: true, subgroupSize: 8 },
};

test('the page gets the adapter of this project, and it computes', async ({ page }, info) => {
  await page.goto('/');

  const found = await page.evaluate(probeAdapter);

  if (!found) throw new Error('no WebGPU adapter. Run: node e2e/software-gpu/setup.mjs');
  const hasHalf = found.features.includes('shader-f16');
  if (info.project.name !== 'gpu') {
    const expected = EXPECTED[info.project.name];
    if (!expected) throw new Error(`no expectation for project ${info.project.name}`);
    expect(hasHalf).toBe(expected.f16);
    expect(found.features).toEqual(expect.arrayContaining(['subgroups', 'timestamp-query']));
    expect([found.subgroupMinSize, found.subgroupMaxSize]).toEqual([
      expected.subgroupSize,
      expected.subgroupSize,
    ]);
  }
  expect(found.tripled).toEqual([0, 3, 6, 9]);
  // 2048 + 1 rounds to even in f16, so this is 2048 only if the arithmetic is f16 (0: not tried, no shader-f16).
  expect(found.f16Sum).toBe(hasHalf ? 2048 : 0);
});
