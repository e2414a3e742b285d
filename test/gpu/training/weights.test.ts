/** Weights that leave the GPU come back with the same bits, whatever the format of the master. */
import { expect, test } from 'vitest';
import { readParameters } from '../../../src/engine/train/readWeights.ts';
import { differences, parametersOf, snapshot, takeSteps, withTrainer } from './helper.ts';

test('a split master, which has parts in two formats', () =>
  withTrainer({ precision: 'bf16-split' }, async (trainer) => {
    await takeSteps(trainer, 2);
    const before = await snapshot(trainer);
    const values = await readParameters(trainer);
    // A split master's upper half alone is a bf16 away from the whole.
    const stored = await parametersOf(trainer, 'master');
    for (const [name, numbers] of stored) {
      const wrong = values
        .get(name)!
        .findIndex((value, i) => Math.abs(value - numbers[i]!) > 2 ** -8 * Math.abs(value));
      expect(wrong, name).toBe(-1);
    }
    await trainer.setParameters((name) => new Float32Array(values.get(name)!.length));
    expect(differences(before, await snapshot(trainer)).length).toBeGreaterThan(0);
    await trainer.setParameters((name) => values.get(name)!);
    expect(differences(before, await snapshot(trainer))).toEqual([]);
  }));
