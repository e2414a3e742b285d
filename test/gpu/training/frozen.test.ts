/** Frozen parameters keep every bit; the others train as in the f64 oracle, and as without frozen ones. */
import { expect, test } from 'vitest';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { gptConfig } from '../../../src/engine/config/trainConfig.ts';
import { byteLength } from '../../../src/engine/gpu/tensor.ts';
import type { Trainer } from '../../../src/engine/index.ts';
import type { Parameters } from '../../../src/engine/reference/model.ts';
import { trainState, trainStep } from '../../../src/engine/reference/trainStep.ts';
import { learningRateAt } from '../../../src/engine/train/lrSchedule.ts';
import { described } from '../../unit/described.ts';
import {
  differences,
  fileOf,
  parametersOf,
  randomBatch,
  referenceBatch,
  relativeError,
  snapshot,
  TINY,
  TINY_VOCABULARY,
  type TinyOptions,
  takeSteps,
  withTrainer,
} from './helper.ts';

const NAMES: readonly string[] = [
  ...['wte.weight', 'h.0.ln_1.weight', 'h.0.ln_2.weight', 'h.0.ln_2.bias', 'h.1.ln_1.bias'],
  ...['h.0.attn.c_attn.weight', 'h.1.attn.c_attn.bias', 'h.1.mlp.c_proj.weight', 'h.1.mlp.c_proj.bias'],
];
const frozen = (name: string) => NAMES.includes(name);
const ROWS = TINY.batch * TINY.context;
const batches = (index: number) => randomBatch(index, ROWS);

function onlyFrozen(values: Parameters): Parameters {
  return new Map([...values].filter(([name]) => frozen(name)));
}

test('fp32: frozen weights stay as they are, the others and the loss follow the f64 oracle', () =>
  withTrainer(
    { warmup: 0 },
    async (trainer) => {
      const { config } = trainer;
      const start = await parametersOf(trainer, 'master');
      const model = { config: gptConfig(config, TINY_VOCABULARY), recipe: described('fp32') };
      const state = trainState(model, start);
      for (let step = 0; step < 5; step++) {
        const [metrics] = await takeSteps(trainer, 1);
        const oracle = trainStep(model, state, [referenceBatch(batches(step), config)], {
          ...config,
          learningRate: learningRateAt(config, step),
          scaler: null,
          frozen,
        });
        // As in torch.test.ts: thirty sums of at most 128 products on the longest path.
        const bound = 30 * Math.sqrt(128) * 2 ** -24;
        const [loss, norm] = [
          Math.abs(metrics!.loss! / oracle.loss - 1),
          Math.abs(metrics!.gradNorm! / oracle.gradNorm - 1),
        ];
        expect(loss).toBeLessThan(step === 0 ? bound : 1e-4);
        expect(norm).toBeLessThan(step === 0 ? bound : 1e-4);
        if (step > 0) continue;
        const gradients = await parametersOf(trainer, 'gradient');
        expect([...gradients.keys()]).toEqual([...start.keys()].filter((name) => !frozen(name)));
        const errors = [...gradients].map(([name, values]) =>
          relativeError(values, oracle.gradients.get(name)!),
        );
        console.log(`gradients: largest error ${Math.max(...errors).toExponential(1)}, bound ${bound}`);
        for (const error of errors) expect(error).toBeLessThan(bound);
      }
      const end = await parametersOf(trainer, 'master');
      expect(onlyFrozen(end)).toEqual(onlyFrozen(start));
      for (const [name, values] of end) {
        if (frozen(name)) continue;
        const wanted = state.masters.get(name)!;
        const moved = values.some((value, i) => value !== start.get(name)![i]);
        const largest = values.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i]!)), 0);
        expect(moved, name).toBe(true);
        // As in torch.test.ts: Adam moves a weight whose gradient is nearly zero by as much as lr a step.
        const isBias = name.endsWith('c_attn.bias');
        expect(largest, name).toBeLessThan((isBias ? 5 : 0.1) * config.learningRate);
      }
    },
    { batches, frozen },
  ));

test.each([
  ['fp16', 'adamw', 'fp8', 'gelu-ln'],
  ['bf16-sr', 'lion', 'bf16', 'block'],
  ['bf16-split', 'stable-adamw', 'f32', 'none'],
  ['fp8', 'adamw', 'fp8-lm', 'gelu-ln'],
] as const)(
  '%s with %s, states in %s, recomputing %s: the same loss and gradients as without frozen parameters, which keep every bit',
  async (precision, optimizer, optimState, recompute) => {
    const overrides = { precision, optimizer, optimState, recompute, warmup: 0 } as const;
    const first = async (trainer: Trainer) => {
      const [metrics] = await takeSteps(trainer, 1);
      return { loss: metrics!.loss, gradients: await parametersOf(trainer, 'gradient') };
    };
    const whole = await withTrainer(overrides, first, { batches });
    await withTrainer(
      overrides,
      async (trainer, { buffers }) => {
        const planned = trainer.plan.tensors.planned.map(({ tensor }) => byteLength(tensor));
        expect(trainer.arena.liveBytes).toBe(planned.reduce((a, b) => a + b));
        expect([...buffers].map(({ label }) => label)).toContain('parameters.0#grad');
        const start = await parametersOf(trainer, 'master');
        const { loss, gradients } = await first(trainer);
        expect(loss).toBe(whole.loss);
        expect(gradients).toEqual(new Map([...whole.gradients].filter(([name]) => !frozen(name))));
        await takeSteps(trainer, 3);
        const end = await parametersOf(trainer, 'master');
        expect(onlyFrozen(end)).toEqual(onlyFrozen(start));
        const still = [...end.keys()].filter((name) =>
          end.get(name)!.every((value, i) => value === start.get(name)![i]),
        );
        expect(still.sort()).toEqual([...NAMES].sort());
      },
      { batches, frozen },
    );
  },
);

test('a run with frozen parameters is saved without their optimizer states, and resumes bit by bit', async () => {
  const overrides = { precision: 'fp16', optimizer: 'stable-adamw' } as const;
  const whole = await withTrainer(
    overrides,
    async (trainer) => {
      const snapshots = await trainer.snapshots();
      await takeSteps(trainer, 2);
      const file = await fileOf(trainer, snapshots);
      await takeSteps(trainer, 2);
      return { file, after: await snapshot(trainer) };
    },
    { frozen },
  );
  const resume = await openRun(bytesSource('run.safetensors', whole.file));
  const states = [...resume.file.tensors.keys()].filter((name) => name.startsWith('adam.m.'));
  expect(states).toContain('adam.m.wpe.weight');
  expect(states.filter((name) => frozen(name.slice('adam.m.'.length)))).toEqual([]);
  await withTrainer(
    overrides,
    async (trainer) => {
      await takeSteps(trainer, 2);
      expect(differences(whole.after, await snapshot(trainer))).toEqual([]);
    },
    { resume },
  );
  const refused = (options: TinyOptions, message: string) =>
    expect(withTrainer(overrides, () => undefined, options)).rejects.toMatchObject({
      code: 'WRONG_RUN',
      message: expect.stringContaining(message),
    });
  const more = (name: string) => frozen(name) || name === 'wpe.weight';
  await refused({ resume, frozen: more }, 'trains wpe.weight, which is frozen here');
  await refused({ resume, frozen: () => false }, 'wte.weight is frozen; here it is trained');
  // Versions up to 0.2 did not save the names.
  const { frozen: _, ...description } = resume.description;
  const old = { ...resume, description };
  await withTrainer(overrides, () => undefined, { resume: old, frozen });
  await refused({ resume: old, frozen: more }, 'adam.m.wpe.weight');
});
