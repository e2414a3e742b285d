/** Splitting a step's commands into more submissions changes no result. */
import { expect, test } from 'vitest';
import { differences, snapshot, takeSteps, withTrainer } from './helper.ts';

async function trained(submitMs: number) {
  let submissions = 0;
  const prepare = ({ queue }: GPUDevice): void => {
    const submit = queue.submit.bind(queue);
    queue.submit = (buffers) => {
      submissions += 1;
      return submit(buffers);
    };
  };
  const overrides = { precision: 'fp16', accumulation: 2, lossScale: 2 ** 34, growthInterval: 2 } as const;
  return withTrainer(
    overrides,
    async (trainer) => {
      submissions = 0;
      const steps = await takeSteps(trainer, 4);
      return { steps, count: submissions, after: await snapshot(trainer) };
    },
    { submitMs, prepare },
  );
}

test('a submission for each operation, and one for each program: the same bits', async () => {
  const each = await trained(1e-9);
  const whole = await trained(Number.POSITIVE_INFINITY);
  // begin, two micro-batches, optimizer, readback
  expect(whole.count).toBe(4 * 5);
  expect(each.count).toBeGreaterThan(10 * whole.count);
  expect(each.steps).toEqual(whole.steps);
  expect(differences(each.after, whole.after)).toEqual([]);
});
