/** Steps that skip single tensors, gradients that overflow without a scaler, and the measured RMS of updates. */
import { describe, expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import type { TrainConfig, Trainer } from '../../../src/engine/index.ts';
import { readStepState } from '../../../src/engine/kernels/stepState.ts';
import { TENSOR_STATE_WORDS } from '../../../src/engine/kernels/tensorSteps.ts';
import { updateRms } from '../../../src/engine/reference/updateRms.ts';
import {
  differences,
  fileOf,
  parametersOf,
  snapshot,
  stateOf,
  takeSteps,
  withTrainer,
  writeScale,
} from './helper.ts';

/** Applied steps of each tensor. */
async function appliedOf(trainer: Trainer): Promise<Map<string, number>> {
  const { states, names } = trainer.plan.tensors.tensorSteps!;
  const bytes = await trainer.read(states);
  const at = (index: number) => bytes.slice(index * TENSOR_STATE_WORDS * 4);
  return new Map(names.map((name, index) => [name, readStepState(at(index)).applied]));
}

describe.each<Partial<TrainConfig>>([
  { optimizer: 'adamw', precision: 'fp16' },
  { optimizer: 'lion', precision: 'bf16', optimState: 'bf16' },
  { optimizer: 'muon', precision: 'fp32' },
  { optimizer: 'stable-adamw', precision: 'fp32', optimState: 'fp8' },
])('skip tensor, $optimizer in $precision', (overrides) => {
  test('changes no bit of weights, moments and losses while all gradients are finite', async () => {
    const run = (skip: TrainConfig['skip']) =>
      withTrainer({ ...overrides, skip, clip: 0 }, async (trainer) => {
        const steps = await takeSteps(trainer, 3);
        return { losses: steps.map(({ loss }) => loss), after: await snapshot(trainer), steps };
      });
    const whole = await run('step');
    const apart = await run('tensor');
    expect(apart.losses).toEqual(whole.losses);
    // Without clipping: the norm is added up in another order, which may move the last bit of its coefficient.
    const shared = new Map([...whole.after].filter(([name]) => apart.after.has(name)));
    expect(differences(shared, apart.after, true).filter((name) => name !== 'parameter states')).toEqual([]);
    expect(apart.steps.map(({ skippedTensors }) => skippedTensors)).toEqual([[], [], []]);
  });
});

test('a tensor with a gradient that is not finite keeps its bits and its count, others do not, and a resumed run goes on so', async () => {
  const config = { precision: 'fp16-pure', skip: 'tensor', clip: 0 } as const;
  const names = await withTrainer(config, async (trainer) => [...trainer.plan.tensors.parameters.keys()]);
  // A scale at which some gradients are beyond f16 and others are not.
  const whole = await withTrainer(config, async (trainer) => {
    const snapshots = await trainer.snapshots();
    await takeSteps(trainer, 1);
    const before = await parametersOf(trainer, 'master');
    let skipped: readonly string[] = [];
    let scale = 2 ** 14;
    for (; scale <= 2 ** 24 && skipped.length === 0; scale *= 2) {
      writeScale(trainer, scale);
      const [step] = await takeSteps(trainer, 1);
      skipped = step!.skippedTensors!;
      if (skipped.length > 0) expect(step!.skipped).toBe(skipped.length === names.length);
    }
    expect(skipped.length).toBeGreaterThan(0);
    expect(skipped.length).toBeLessThan(names.length);
    const applied = await appliedOf(trainer);
    const { applied: all } = await stateOf(trainer);
    for (const name of names) expect(applied.get(name), name).toBe(skipped.includes(name) ? all - 1 : all);
    writeScale(trainer, 1);
    const file = await fileOf(trainer, snapshots);
    const rest = await takeSteps(trainer, 2);
    const moved = await parametersOf(trainer, 'master');
    expect([...moved].some(([name, values]) => before.get(name)!.some((x, i) => x !== values[i]))).toBe(true);
    return { file, rest, after: await snapshot(trainer) };
  });
  const resume = await openRun(bytesSource('run.safetensors', whole.file));
  await withTrainer(
    resume.description.config,
    async (trainer) => {
      expect(await takeSteps(trainer, 2)).toEqual(whole.rest);
      expect(differences(whole.after, await snapshot(trainer))).toEqual([]);
    },
    { resume },
  );
});

describe('gradients beyond f16 without a scaler', () => {
  /** Two steps, the second at a scale whose gradients overflow. */
  const arm = (overflow: TrainConfig['overflow']) =>
    withTrainer({ precision: 'fp16-noscale', overflow, clip: 0 }, async (trainer) => {
      await takeSteps(trainer, 1);
      const before = await parametersOf(trainer, 'master');
      writeScale(trainer, 2 ** 30);
      const [step] = await takeSteps(trainer, 1);
      const after = await parametersOf(trainer, 'master');
      const numbers = [...after.values()].flatMap((values) => [...values]);
      const moved = [...after].filter(([name, values]) => values.some((x, i) => x !== before.get(name)![i]));
      return { step: step!, moved: moved.length, finite: numbers.every(Number.isFinite) };
    });

  test('skip leaves the weights, zero and clamp apply the step and keep them finite', async () => {
    const [skip, own, zero, clamp] = [
      await arm('skip'),
      await arm(null),
      await arm('zero'),
      await arm('clamp'),
    ];
    expect(skip).toMatchObject({ moved: 0, finite: true });
    expect(skip.step.skipped).toBe(true);
    expect({ ...own, step: null }).toEqual({ ...skip, step: null });
    expect(zero.step.skipped).toBe(false);
    expect(zero).toMatchObject({ finite: true });
    expect(zero.moved).toBeGreaterThan(0);
    expect(clamp.step.skipped).toBe(false);
    expect(clamp).toMatchObject({ finite: true });
    expect(clamp.moved).toBeGreaterThan(zero.moved - 1);
  });
});

describe.each<Partial<TrainConfig>>([
  { optimizer: 'adamw', optimState: 'f32' },
  { optimizer: 'stable-adamw', optimState: 'f32' },
])('the RMS of updates, $optimizer', (overrides) => {
  test('is that of gradients and second moments, and measuring it changes no bit', async () => {
    const config = { precision: 'fp32', clip: 0, ...overrides } as const;
    const plain = await withTrainer(config, async (trainer) => {
      await takeSteps(trainer, 3);
      return snapshot(trainer);
    });
    await withTrainer({ ...config, updateRms: true }, async (trainer) => {
      const steps = await takeSteps(trainer, 3);
      const masters = (copy: ReadonlyMap<string, Buffer>) =>
        new Map([...copy].filter(([name]) => /#/.test(name)));
      expect(differences(masters(plain), await snapshot(trainer), true)).toEqual([]);
      const gradients = await parametersOf(trainer, 'gradient');
      const moments = await parametersOf(trainer, { state: 'v' });
      const { beta2, epsilon } = trainer.config;
      const { byTensor, first } = steps.at(-1)!.rms!;
      for (const [name, { spec }] of trainer.plan.tensors.parameters) {
        const learned = spec.learnedRows * spec.columns;
        const settings = { beta2, epsilon, step: 3 };
        const expected = updateRms(gradients.get(name)!, moments.get(name)!, settings, learned);
        expect(Math.abs(byTensor[name]! - expected), `${name}: ${expected}`).toBeLessThan(
          2 ** -12 * expected,
        );
      }
      const names = [
        'wte.weight',
        'wpe.weight',
        ...Object.keys(byTensor).filter((name) => name.startsWith('h.0.')),
      ];
      expect(first!.rms).toBe(Math.max(...names.map((name) => byTensor[name]!)));
      expect(byTensor[first!.name]).toBe(first!.rms);
    });
  });
});

test('Lion has no second moment, and of Muon only the parameters of AdamW have one', async () => {
  const rmsOf = (optimizer: TrainConfig['optimizer']) =>
    withTrainer({ optimizer, updateRms: true }, async (trainer) => (await takeSteps(trainer, 1))[0]!.rms!);
  expect(await rmsOf('lion')).toEqual({ byTensor: {}, first: null });
  const muon = await rmsOf('muon');
  expect(muon.byTensor['h.0.attn.c_attn.weight']).toBeUndefined();
  expect(muon.byTensor['wte.weight']).toBeGreaterThan(0);
});
