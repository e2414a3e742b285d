/** Recomputed tensors have the bits of the forward pass: levels differ in memory and speed only. */
import { describe, expect, test } from 'vitest';
import { MLP_KINDS, NORM_KINDS } from '../../../src/engine/config/gptConfig.ts';
import { RECOMPUTE_LEVELS } from '../../../src/engine/config/trainConfig.ts';
import type { TrainConfig } from '../../../src/engine/index.ts';
import {
  differences,
  parametersOf,
  setOne,
  snapshot,
  stateOf,
  takeSteps,
  withTrainer,
  writeScale,
} from './helper.ts';

const LEVELS = RECOMPUTE_LEVELS.filter((level) => level !== 'none');
/** Two blocks are recomputed; of the last, everything is still there. */
const LAYERS = 3;
/** Overflows every format with the range of f16. */
const HUGE = 2 ** 30;

/** Two steps, one with a scale that overflows f16, and two more. */
function run(overrides: Partial<TrainConfig>) {
  return withTrainer({ layers: LAYERS, ...overrides }, async (trainer) => {
    const metrics = await takeSteps(trainer, 2);
    const { lossScale } = await stateOf(trainer);
    writeScale(trainer, HUGE);
    metrics.push(...(await takeSteps(trainer, 1)));
    writeScale(trainer, lossScale);
    metrics.push(...(await takeSteps(trainer, 2)));
    return {
      metrics,
      valLoss: await trainer.evaluate(),
      gradients: await parametersOf(trainer, 'gradient'),
      end: await snapshot(trainer),
      activations: (await trainer.numerics.inspect('activations')).counts,
      bytes: trainer.memory.total,
    };
  });
}

describe.each([
  ['fp32', {}],
  ['tf32', {}],
  ['fp16', { half: 'packed', accumulation: 2 }],
  ['fp16', { half: 'native', kernels: 'tiled', dropout: 0.2 }],
  ['fp16-pure', { tied: false }],
  ['fp16', { mlp: MLP_KINDS.at(-1)!, norm: NORM_KINDS.at(-1)!, layerScale: 0.5 }],
  [
    'fp8',
    {
      accumulation: 2,
      quantizeActivations: '1x16',
      mlp: MLP_KINDS.at(-1)!,
      norm: NORM_KINDS.at(-1)!,
      layerScale: 0.5,
      logitSoftCap: 5,
      zLoss: 1e-3,
    },
  ],
  ['fp8', { accumulation: 2, quantizeActivations: '1x16' }],
  ['fp8-delayed', {}],
  ['fp8-row', { accumulation: 2 }],
  ['int8', { accumulation: 2 }],
  ['int8-m', { layerScale: 0.5, mlp: MLP_KINDS.at(-1)! }],
  ['int8-all', {}],
  ['fp16', { position: 'rope', keyValueHeads: 1, biases: 'none' }],
  ['bf16', { position: 'rope', headSize: 24, qkNorm: true, biases: 'qkv', attentionSoftCap: 2 }],
] as const)('%s with %o', (precision, overrides) => {
  test('every level trains with the same bits, through a skipped step too', async () => {
    const trained = (recompute: TrainConfig['recompute']) => run({ precision, ...overrides, recompute });
    const kept = await trained('none');
    const skips = kept.metrics.map(({ skipped }) => skipped);
    expect(skips).toEqual([false, false, precision.startsWith('fp16'), false, false]);
    let bytes = kept.bytes;
    for (const level of LEVELS) {
      const recomputed = await trained(level);
      expect(recomputed.metrics, level).toEqual(kept.metrics);
      expect(recomputed.valLoss, level).toBe(kept.valLoss);
      expect(recomputed.gradients, level).toEqual(kept.gradients);
      expect(differences(recomputed.end, kept.end), level).toEqual([]);
      expect(recomputed.activations, level).toEqual(kept.activations);
      expect(recomputed.bytes).toBeLessThan(bytes);
      bytes = recomputed.bytes;
    }
  });
});

test.each(LEVELS)('%s: an overflow is named as it is without recomputation', (recompute) =>
  withTrainer({ precision: 'fp16', layers: LAYERS, recompute }, async (trainer) => {
    await setOne(trainer, 'h.0.mlp.c_fc.bias', 3, 7e4);
    const before = await snapshot(trainer);
    const [step] = await takeSteps(trainer, 1);
    expect(step).toMatchObject({ skipped: true, overflow: 'h.0.mlp.c_fc' });
    expect(differences(before, await snapshot(trainer), true)).toEqual([]);
  }),
);
