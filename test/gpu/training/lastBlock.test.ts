/** A mode that names a place: the last block of `bf16-last-fp32` is that of `fp32`, everything else that of `bf16`. */
import { expect, test } from 'vitest';
import { formatOf, type Tensor } from '../../../src/engine/gpu/tensor.ts';
import type { PrecisionMode, TrainConfig, Trainer } from '../../../src/engine/index.ts';
import { roundTo } from '../../../src/engine/reference/rounding.ts';
import { numbersOf, takeSteps, withTrainer } from './helper.ts';

interface Stored {
  readonly format: string;
  readonly values: readonly number[];
}

/** What the forward pass of step 1 stored, by name: with nothing recomputed every block's tensors are still there. */
function storedBy(precision: PrecisionMode, layers: number): Promise<ReadonlyMap<string, Stored>> {
  const config: Partial<TrainConfig> = { precision, layers, recompute: 'none' };
  return withTrainer(config, async (trainer) => {
    const [metrics] = await takeSteps(trainer, 1);
    expect(metrics).toMatchObject({ skipped: false, overflow: null });
    const stored = new Map<string, Stored>();
    for (const tensor of activationsOf(trainer)) {
      stored.set(tensor.name, { format: formatOf(tensor), values: [...(await numbersOf(trainer, tensor))] });
    }
    return stored;
  });
}

function activationsOf({ plan }: Trainer): Tensor[] {
  return plan.tensors.planned
    .filter(({ category }) => category === 'activations')
    .map(({ tensor }) => tensor);
}

function inBlock(block: number, stored: ReadonlyMap<string, Stored>): Map<string, Stored> {
  return new Map([...stored].filter(([name]) => name.startsWith(`h.${block}.`)));
}

test('blocks before the last store what bf16 stores, bit by bit; the last one stores f32', async () => {
  const [mixed, bf16, fp32] = [
    await storedBy('bf16-last-fp32', 2),
    await storedBy('bf16', 2),
    await storedBy('fp32', 2),
  ];
  expect([...mixed.keys()]).toEqual([...bf16.keys()]);
  expect(mixed.get('embedding')).toEqual(bf16.get('embedding'));
  const first = inBlock(0, mixed);
  expect(first.size).toBeGreaterThan(8);
  expect(first).toEqual(inBlock(0, bf16));
  const formats = (stored: ReadonlyMap<string, Stored>) =>
    [...stored].map(([name, { format }]) => [name, format]);
  expect(formats(inBlock(1, mixed))).toEqual(formats(inBlock(1, fp32)));
  expect(formats(inBlock(1, mixed))).not.toEqual(formats(inBlock(1, bf16)));
  expect(mixed.get('ln_f')!.format).toBe('bf16');
});

test('the only block of a model is the last: it stores what fp32 stores, bit by bit, and ln_f that in bf16', async () => {
  const [mixed, fp32] = [await storedBy('bf16-last-fp32', 1), await storedBy('fp32', 1)];
  const only = inBlock(0, mixed);
  expect(only.size).toBeGreaterThan(8);
  expect(only).toEqual(inBlock(0, fp32));
  expect(mixed.get('ln_f')!.values).toEqual(fp32.get('ln_f')!.values.map((x) => roundTo('bf16', x)));
});
