/** Halfstep's side of the comparison: the engine as the page's worker drives it. */
import { createTrainer, openDevice } from '../../src/engine/index.ts';
import { offer } from './page.ts';

offer(async ({ config, dataset, batch }) => {
  const { device, report } = await openDevice(navigator.gpu);
  const trainer = await createTrainer(device, report, config, dataset, { batches: batch });
  return {
    async step() {
      trainer.step(); // which asks `batch` for what the others are given
      await trainer.waitForRoom();
    },
    async finish() {
      await trainer.drain();
      trainer.faults.check();
      return trainer.takeMetrics().at(-1)?.loss ?? Number.NaN;
    },
  };
});
