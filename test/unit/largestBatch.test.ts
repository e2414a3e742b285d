import { describe, expect, it } from 'vitest';
import { presetOf } from '../../src/engine/config/presets.ts';
import { byteLength } from '../../src/engine/gpu/tensor.ts';
import { deeperLevelFor, largestBatch } from '../../src/engine/model/largestBatch.ts';
import { memoryPlan } from '../../src/engine/model/memoryPlan.ts';
import { PRECISION_MODES } from '../../src/engine/precision/recipes.ts';
import { thrownBy } from './thrownBy.ts';

const MIB = 2 ** 20;
const tiny = { ...presetOf('smoke').config, width: 32, context: 24 };
const roomy = { maxBindingBytes: 128 * MIB };

/** Tries every batch. */
function bruteForce(config: typeof tiny, limits: typeof roomy, budget: number, most: number): number {
  let largest = 0;
  for (let batch = 1; batch <= most; batch++) {
    const { tensors, bytes } = memoryPlan({ ...config, batch }, 65, { maxBindingBytes: 2 ** 40 });
    const bound = tensors.planned.every(({ tensor }) => byteLength(tensor) <= limits.maxBindingBytes);
    if (bound && bytes.total <= budget) largest = batch;
  }
  return largest;
}

describe('largestBatch', () => {
  it.each(PRECISION_MODES)('%s: finds what trying every batch finds, for any budget', (precision) => {
    for (const budget of [0.1, 0.9, 3, 7.3, 20].map((mib) => mib * MIB)) {
      const config = { ...tiny, precision };
      const found = largestBatch(config, 65, roomy, budget, 200);
      expect(found.batch).toBe(bruteForce(config, roomy, budget, 200));
      if (found.batch === 0) {
        expect(found.bytes).toBe(0);
        continue;
      }
      expect(found.bytes).toBe(memoryPlan({ ...config, batch: found.batch }, 65, roomy).bytes.total);
      expect(found.bytes).toBeLessThanOrEqual(budget);
    }
  });

  it('says what stopped it', () => {
    expect(largestBatch(tiny, 65, roomy, 4 * MIB)).toMatchObject({ limitedBy: 'budget' });
    expect(largestBatch(tiny, 65, roomy, 4 * MIB, 2)).toMatchObject({ batch: 2, limitedBy: 'range' });
    const bound = largestBatch(tiny, 65, { maxBindingBytes: MIB });
    expect(bound).toMatchObject({ limitedBy: 'binding' });
    expect(bound.batch).toBe(bruteForce(tiny, { maxBindingBytes: MIB }, Number.POSITIVE_INFINITY, 400));
    expect(largestBatch(tiny, 65, roomy, 0)).toEqual({ batch: 0, bytes: 0, limitedBy: 'budget' });
  });

  it('leaves room for the copy of a run that is saved', () => {
    const saved = { ...roomy, saved: true };
    const { bytes } = memoryPlan(tiny, 65, saved);
    const budget = 8 * MIB;
    const found = largestBatch(tiny, 65, saved, budget);
    expect(found.batch).toBe(largestBatch(tiny, 65, roomy, budget - bytes.snapshot).batch);
    expect(found.bytes).toBe(memoryPlan({ ...tiny, batch: found.batch }, 65, saved).bytes.total);
  });

  it('holds halves of the activations where the mode does, and so more sequences', () => {
    const of = (precision: 'fp32' | 'fp16') =>
      largestBatch({ ...tiny, precision }, 65, roomy, 16 * MIB).batch;
    expect(of('fp16') / of('fp32')).toBeGreaterThan(1.4);
  });

  it('finds the first level of recomputing that allows more', () => {
    const { batch } = largestBatch(tiny, 65, roomy, 4 * MIB);
    const at = (recompute: 'gelu' | 'gelu-ln' | 'block') =>
      largestBatch({ ...tiny, recompute }, 65, roomy, 4 * MIB);
    expect(deeperLevelFor(batch, tiny, 65, roomy, 4 * MIB)).toEqual({ recompute: 'gelu', ...at('gelu') });
    const more = at('gelu-ln').batch;
    expect(deeperLevelFor(more, tiny, 65, roomy, 4 * MIB)).toEqual({ recompute: 'block', ...at('block') });
    expect(deeperLevelFor(at('block').batch, tiny, 65, roomy, 4 * MIB)).toBeNull();
    expect(deeperLevelFor(1, { ...tiny, recompute: 'block' }, 65, roomy, 4 * MIB)).toBeNull();
  });

  it('refuses a model whose parameters alone do not fit, whatever the batch', () => {
    const wide = { ...tiny, width: 1024 };
    expect(thrownBy(() => largestBatch(wide, 65, { maxBindingBytes: MIB })).code).toBe('LIMIT_EXCEEDED');
  });
});
