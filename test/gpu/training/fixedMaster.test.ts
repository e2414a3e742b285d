/** Runs whose master weights are fixed-point integers. */
import { expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import type { TrainConfig } from '../../../src/engine/index.ts';
import { differences, fileOf, parametersOf, snapshot, takeSteps, withTrainer } from './helper.ts';

test('a step moves each weight of fp32 where it does without, to less than two ulps', async () => {
  const run = (master: TrainConfig['master']) =>
    withTrainer({ precision: 'fp32', master }, async (trainer) => {
      const before = await parametersOf(trainer, 'master');
      await takeSteps(trainer, 1);
      return { before, after: await parametersOf(trainer, 'master') };
    });
  const [plain, fixed] = [await run('f32'), await run('fx64')];
  let largest = 0;
  for (const [name, values] of plain.after) {
    expect(fixed.before.get(name)).toEqual(plain.before.get(name));
    for (const [i, value] of values.entries()) {
      const start = Math.abs(plain.before.get(name)![i]!);
      const ulp = 2 ** (Math.floor(Math.log2(Math.max(start, Math.abs(value), 2 ** -100))) - 23);
      largest = Math.max(largest, Math.abs(fixed.after.get(name)![i]! - value) / ulp);
    }
  }
  // An f32 update rounds twice by half an ulp, once for the decay, and the fixed-point one once where it is read.
  console.log(`largest difference: ${largest} ulps`);
  expect(largest, 'ulps').toBeLessThan(2);
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
