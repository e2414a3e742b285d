/** The partial sums of the gradient norm: every place of them is written and summed, and none is beyond the planned tensor. */
import { expect, test } from 'vitest';
import { presetOf } from '../../src/engine/config/presets.ts';
import { type Dispatch, type Target, uniformOf } from '../../src/engine/gpu/operation.ts';
import { normPartials } from '../../src/engine/kernels/optimizer.ts';
import { memoryPlan } from '../../src/engine/model/memoryPlan.ts';
import { buildSchedule } from '../../src/engine/model/schedule.ts';
import { DEFAULT_LIMITS } from '../../src/engine/model/tensors.ts';

const TARGET: Target = {
  ...{ half: 'packed', subgroup: null, lanes: 64, matmul: 'register8', attention: 'register' },
  ...{ matrixShapes: [], splitSums: true },
};

test('software adapters keep 256, GPUs have 2,048 at most', () => {
  expect([4, 2 ** 20, 2 ** 20 + 4, 2 ** 30].map((elements) => normPartials(elements))).toEqual([
    256, 256, 257, 2048,
  ]);
  expect(normPartials(2 ** 30, { splitSums: false })).toBe(256);
});

test.each([true, false])(
  'of a model in several chunks they lie one behind the other (sums split: %s)',
  (splitSums) => {
    const config = { ...presetOf('gpt2').config, layers: 2 };
    const { tensors } = memoryPlan(config, 256, { ...DEFAULT_LIMITS, maxBindingBytes: 2 ** 24 });
    const { optimizer } = buildSchedule({ ...TARGET, splitSums }, tensors, config);
    const ofKernel = (kernel: string) =>
      optimizer.filter(
        (operation): operation is Dispatch =>
          operation.kind === 'dispatch' && operation.variant.kernel === kernel,
      );
    let next = 0;
    const norms = ofKernel('gradient_norm');
    expect(norms.length).toBeGreaterThan(2);
    for (const norm of norms) {
      expect(uniformOf(norm, 'first')).toBe(next);
      expect(uniformOf(norm, 'groups')).toBe(norm.grid[0]);
      next += norm.grid[0];
    }
    expect(next > 256 * norms.length).toBe(splitSums);
    expect(uniformOf(ofKernel('step_decide')[0]!, 'partials')).toBe(next);
    expect(next).toBeLessThanOrEqual(tensors.normPartials.elements);
  },
);
