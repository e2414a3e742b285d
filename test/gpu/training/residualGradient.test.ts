/** What is summed from the gradient of the residual stream. */
import { expect, test } from 'vitest';
import { roundTo } from '../../../src/engine/reference/rounding.ts';
import { parametersOf, takeSteps, withTrainer } from './helper.ts';

// With one row the sum over rows is the gradient itself, so the format of what was summed shows.
test('biases of projections are summed from the f32 residual gradient, not from its rounded copy', () =>
  withTrainer({ precision: 'fp16', lossScale: 2 ** 8, batch: 1, context: 1 }, async (trainer) => {
    expect(await takeSteps(trainer, 1)).toMatchObject([{ skipped: false }]);
    const gradients = await parametersOf(trainer, 'gradient');
    const inF16 = (name: string) => gradients.get(name)!.every((x) => roundTo('f16', x) === x);
    for (const name of ['h.1.mlp.c_proj.bias', 'h.1.attn.c_proj.bias', 'h.0.mlp.c_proj.bias', 'ln_f.bias']) {
      expect(inF16(name), name).toBe(false);
    }
    for (const name of ['h.1.mlp.c_fc.bias', 'h.0.attn.c_attn.bias']) expect(inF16(name), name).toBe(true);
  }));
