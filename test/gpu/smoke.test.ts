import { expect, test } from 'vitest';
import { createDataset, createTrainer, presetOf, reportOf, RunControl, runTraining } from '../../src/engine/index.ts';
import { withDevice } from './device.ts';

const text = 'the quick brown fox jumps over the lazy dog. '.repeat(400);

for (const precision of ['fp32', 'tf32', 'fp16', 'fp16-noscale', 'fp16-pure', 'bf16'] as const) {
  test(`trains in ${precision}`, () =>
    withDevice(async (device, { adapter }) => {
      const config = { ...presetOf('smoke').config, precision, steps: 30, evalEvery: 0 };
      const dataset = createDataset(text, { name: 'fox', tokenizer: 'char', context: config.context });
      const t0 = performance.now();
      const trainer = await createTrainer(device, reportOf(adapter, device), config, dataset);
      console.log('create', performance.now() - t0, trainer.kernels, trainer.peakFlops / 1e9);
      const losses: (number | null)[] = [];
      const summary = await runTraining(trainer, { onStep: (m) => losses.push(m.loss), onEval: () => {} }, new RunControl());
      console.log(precision, losses.filter((_, i) => i % 5 === 0), JSON.stringify(summary));
      trainer.destroy();
      expect(summary.steps).toBe(30);
    }));
}
