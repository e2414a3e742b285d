/** Runs whose master weights are fixed-point integers. */
import { expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import type { TrainConfig } from '../../../src/engine/index.ts';
import { differences, fileOf, parametersOf, snapshot, takeSteps, withTrainer } from './helper.ts';

const STEPS = 6;

test('after a few steps no weight of fp32 differs by more than an ulp a step', async () => {
  const after = (master: TrainConfig['master']) =>
    withTrainer({ precision: 'fp32', master }, async (trainer) => {
      await takeSteps(trainer, STEPS);
      return parametersOf(trainer, 'master');
    });
  const [plain, fixed] = [await after('f32'), await after('fx64')];
  let largest = 0;
  for (const [name, values] of plain) {
    for (const [i, value] of values.entries()) {
      const other = fixed.get(name)![i]!;
      const ulp = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(value), Math.abs(other), 2 ** -30))) - 23);
      // Weights that pass zero are small beside what they were: those count in units of a learning rate's.
      largest = Math.max(largest, Math.abs(other - value) / Math.max(ulp, 2 ** -33));
    }
  }
  expect(largest, 'ulps').toBeLessThanOrEqual(4 * STEPS);
});

test.each<Partial<TrainConfig>>([
  { precision: 'fp16', optimState: 'fp8-lm' },
  { precision: 'bf16', optimizer: 'muon' },
])('a resumed run equals one that was not stopped: $precision', async (overrides) => {
  const whole = await withTrainer({ ...overrides, master: 'fx64' }, async (trainer) => {
    const snapshots = await trainer.snapshots();
    await takeSteps(trainer, 3);
    const file = await fileOf(trainer, snapshots);
    const rest = await takeSteps(trainer, 3);
    return { file, rest, after: await snapshot(trainer) };
  });
  const resume = await openRun(bytesSource('run.safetensors', whole.file));
  await withTrainer(
    resume.description.config,
    async (trainer) => {
      expect(await takeSteps(trainer, 3)).toEqual(whole.rest);
      expect(differences(whole.after, await snapshot(trainer))).toEqual([]);
    },
    { resume },
  );
});
