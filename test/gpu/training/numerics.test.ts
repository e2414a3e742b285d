/** Probed steps train exactly as other steps do, and their counts are exact. */
import { describe, expect, test } from 'vitest';
import { formatOf, type Operand, slice } from '../../../src/engine/gpu/tensor.ts';
import type { TrainConfig, Trainer } from '../../../src/engine/index.ts';
import { type NumericsFrame, rowCounts } from '../../../src/engine/inspect/frame.ts';
import { BINS } from '../../../src/engine/kernels/numerics.ts';
import { type FormatId, formatInfo } from '../../../src/engine/precision/formats.ts';
import { attentionForward } from '../../../src/engine/reference/attention.ts';
import { exponentHistogram } from '../../../src/engine/reference/exponents.ts';
import { geluForward } from '../../../src/engine/reference/gelu.ts';
import { layernormForward } from '../../../src/engine/reference/layernorm.ts';
import { matmul } from '../../../src/engine/reference/matmul.ts';
import { quantizationNoise } from '../../../src/engine/reference/quantizationNoise.ts';
import { f32Bits } from '../../../src/engine/reference/rounding.ts';
import { currentScale } from '../../../src/engine/reference/tensorScale.ts';
import {
  differences,
  numbersOf,
  snapshot,
  storedAs,
  TINY,
  TINY_VOCABULARY,
  type TinyOptions,
  takeSteps,
  withTrainer,
} from './helper.ts';

function run(overrides: Partial<TrainConfig>, options: TinyOptions, interval: number | null) {
  return withTrainer(
    overrides,
    async (trainer) => {
      if (interval !== null) await trainer.numerics.enable(interval);
      const metrics = await takeSteps(trainer, 6);
      return { metrics, end: await snapshot(trainer), frames: trainer.numerics.takeFrames() };
    },
    options,
  );
}

describe('probed steps', () => {
  test.each([
    ['fp16', 'register32', {}],
    ['fp16', 'tiled', { accumulation: 2 }],
    ['fp16', 'register8', { lossScale: 2 ** 30 }],
    ['fp16-noscale', 'register32', {}],
    ['fp16-pure', 'register32', {}],
    ['fp32', 'register32', {}],
    ['bf16', 'register32', { tied: false }],
    ['e8m3', 'register32', { recompute: 'block' }],
    ['fp16', 'register32', { position: 'rope', keyValueHeads: 1, qkNorm: true }],
    ['bf16', 'register32', { position: 'rope' }],
  ] as const)('in %s with %s and %o leave the same bits as others', async (precision, kernels, more) => {
    const overrides = { precision, kernels, ...more };
    const plain = await run(overrides, {}, null);
    const probed = await run(overrides, {}, 2);
    expect(plain.frames).toEqual([]);
    expect(probed.frames.map(({ step }) => step)).toEqual([2, 4, 6]);
    expect(differences(plain.end, probed.end)).toEqual([]);
    expect(probed.metrics).toEqual(plain.metrics);
  });

  test('create no GPU object, and with a full ring a step is left unprobed instead of waiting', () =>
    withTrainer({ precision: 'fp16' }, async (trainer, { buffers }) => {
      await trainer.numerics.enable(1);
      const before = [...buffers].map(({ label }) => label);
      for (let i = 0; i < 4; i++) trainer.step();
      expect([...buffers].map(({ label }) => label)).toEqual(before);
      await trainer.drain();
      expect(trainer.numerics.takeFrames().map(({ step }) => step)).toEqual([1, 2]);
      trainer.numerics.disable();
      await takeSteps(trainer, 2);
      expect(trainer.numerics.takeFrames()).toEqual([]);
    }));

  test.each(['fp16', 'fp16-noscale'] as const)(
    'a look at the gradients in %s between steps counts those of the next, and changes nothing',
    async (precision) => {
      const look = (before: number, lossScale: number | null) =>
        withTrainer({ precision, lossScale, accumulation: 2 }, async (trainer) => {
          const metrics = await takeSteps(trainer, before);
          const looked = before > 0 ? await trainer.countGradients() : null;
          metrics.push(...(await takeSteps(trainer, 4 - before)));
          return { metrics, looked, end: await snapshot(trainer) };
        });
      // At 2^30 the batch that is looked at overflows: the look must not skip the step.
      for (const lossScale of precision === 'fp16' ? [null, 2 ** 30] : [null]) {
        const [plain, looking] = [await look(0, lossScale), await look(2, lossScale)];
        expect(looking.metrics).toEqual(plain.metrics);
        expect(differences(plain.end, looking.end)).toEqual([]);
        expect(looking.looked!.scale).toBe(plain.metrics[2]!.lossScale);
        expect(looking.looked!.step).toBe(2);
        expect(total([...rowCounts(looking.looked!, 0)])).toBeGreaterThan(0);
        // Counting compiles no kernel that stores in f32 what was narrowed.
        expect(new Set(looking.looked!.noise.map(({ kind }) => kind))).toEqual(new Set(['weight']));
      }
    },
  );

  test('compile nothing until they are requested, and leave nothing behind when the run ends first', async () => {
    let left: ReadonlySet<GPUBuffer> = new Set();
    const compiled: string[] = [];
    const prepare = (device: GPUDevice) => {
      const compile = device.createComputePipelineAsync.bind(device);
      device.createComputePipelineAsync = (descriptor) => {
        compiled.push(descriptor.label ?? '');
        return compile(descriptor);
      };
    };
    await withTrainer(
      { precision: 'fp16' },
      async (trainer, { buffers }) => {
        await takeSteps(trainer, 1);
        expect(compiled.filter((label) => /probe|exponent/.test(label))).toEqual([]);
        const enabled = trainer.numerics.enable(1);
        trainer.destroy();
        await enabled;
        left = new Set(buffers);
      },
      { prepare },
    );
    expect(compiled.some((label) => /probe/.test(label))).toBe(true);
    expect([...left].map(({ label }) => label)).toEqual([]);
  });
});

/** The histogram of what a tensor holds now. */
async function countsOf(trainer: Trainer, operand: Operand): Promise<number[]> {
  const values = await numbersOf(trainer, operand);
  return [...exponentHistogram(Array.from(values, f32Bits))];
}

function countsIn(frame: NumericsFrame, name: string): number[] {
  const index = frame.rows.findIndex((row) => row.name === name);
  if (index < 0) throw new RangeError(`no row ${name}`);
  return [...rowCounts(frame, index)];
}

const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

describe('counts', () => {
  test.each([
    ['fp32', true],
    ['fp16', true],
    ['fp16-pure', false],
  ] as const)('of parameter gradients in %s are those of the gradients', (precision, tied) =>
    withTrainer({ precision, tied }, async (trainer) => {
      await trainer.numerics.enable(3);
      await takeSteps(trainer, 3);
      const [frame] = trainer.numerics.takeFrames();
      expect(frame!.scale).toBe(precision === 'fp16' ? 2 ** 16 : 1);
      for (const [name, { spec, parts }] of trainer.plan.tensors.parameters) {
        const gradient = parts[0]!.gradient!;
        const padded = name === 'wte.weight' || name === 'lm_head.weight';
        const elements = padded ? TINY_VOCABULARY * spec.columns : gradient.elements;
        const expected = await countsOf(trainer, slice(gradient.tensor, gradient.offset, elements));
        expect([name, countsIn(frame!, name)]).toEqual([name, expected]);
      }
    }),
  );

  test('of activation gradients are those of the f32 values that kernels stored', () =>
    withTrainer({ precision: 'fp32' }, async (trainer) => {
      await trainer.numerics.enable(1);
      await takeSteps(trainer, 1);
      const [frame] = trainer.numerics.takeFrames();
      // The first block is last in a backward pass: its gradients are still there.
      for (const name of [
        'h.0.attn.c_attn gradient',
        'h.0.attn gradient',
        'h.0.mlp.c_fc gradient',
        'residual gradient at h.0.ln_1',
      ]) {
        const expected = await countsOf(trainer, storedAs(trainer, name));
        expect([name, countsIn(frame!, name)]).toEqual([name, expected]);
      }
    }));

  const LLAMA = { position: 'rope', keyValueHeads: 1 } as const;

  test.each<[number, Partial<TrainConfig>]>([
    [1, {}],
    [2, {}],
    [1, LLAMA],
    [2, { ...LLAMA, qkNorm: true }],
  ])('count every element once in each of %i micro-batches, with %o', (accumulation, kinds) =>
    withTrainer({ precision: 'fp16', accumulation, ...kinds }, async (trainer) => {
      await trainer.numerics.enable(1);
      await takeSteps(trainer, 1);
      const [frame] = trainer.numerics.takeFrames();
      const rows = TINY.batch * TINY.context * accumulation;
      const widths = new Map([
        ['logits gradient', TINY_VOCABULARY],
        ['h.1.attn.c_attn gradient', kinds.position ? 2 * TINY.width : 3 * TINY.width],
        ['h.1.attn.qk gradient', 2 * TINY.width],
        ['h.1.mlp.c_fc gradient', 4 * TINY.width],
      ]);
      for (const { name, kind } of frame!.rows) {
        if (kind !== 'activationGradient') continue;
        const width = widths.get(name.replace('h.0', 'h.1')) ?? TINY.width;
        expect([name, total(countsIn(frame!, name))]).toEqual([name, rows * width]);
      }
    }),
  );

  test('of values that f16 flushes are taken before the flush', () =>
    withTrainer({ precision: 'fp16-noscale' }, async (trainer) => {
      await trainer.numerics.enable(1);
      await takeSteps(trainer, 1);
      const [frame] = trainer.numerics.takeFrames();
      const counts = countsIn(frame!, 'h.0.mlp.c_fc gradient');
      const stored = await countsOf(trainer, storedAs(trainer, 'h.0.mlp.c_fc gradient'));
      const flushed = total(counts.slice(1, 127 - 14));
      expect(flushed).toBeGreaterThan(100);
      expect(total(stored.slice(1, 127 - 14))).toBe(0);
      expect(stored[0]).toBeGreaterThan(counts[0]! + 0.9 * flushed); // but for those that round up to 2^-14
    }));

  test('of a tensor with an overflow show the overflow', () =>
    withTrainer({ precision: 'fp16', lossScale: 2 ** 30 }, async (trainer) => {
      await trainer.numerics.enable(1);
      const [step] = await takeSteps(trainer, 1);
      const [frame] = trainer.numerics.takeFrames();
      expect(step!.skipped).toBe(true);
      expect(frame!.scale).toBe(2 ** 30);
      const counts = countsIn(frame!, step!.overflow!);
      expect(total(counts.slice(127 + 15))).toBeGreaterThan(0);
    }));

  test.each(['fp32', 'fp16', 'bf16'] as const)(
    'of weights and activations in %s are those stored',
    (precision) =>
      withTrainer({ precision }, async (trainer) => {
        await takeSteps(trainer, 2);
        const weights = await trainer.numerics.inspect('weights');
        expect(weights).toMatchObject({ step: 2, scale: 1 });
        for (const [name, { spec, parts }] of trainer.plan.tensors.parameters) {
          const { weight } = parts[0]!;
          const elements = name === 'wte.weight' ? TINY_VOCABULARY * spec.columns : weight.elements;
          const expected = await countsOf(trainer, slice(weight.tensor, weight.offset, elements));
          expect([name, countsIn(weights, name)]).toEqual([name, expected]);
        }
        const activations = await trainer.numerics.inspect('activations');
        for (const name of ['embedding', 'h.1.attn.c_attn', 'h.0.mlp.gelu', 'ln_f']) {
          const expected = await countsOf(trainer, storedAs(trainer, name));
          expect([name, countsIn(activations, name)]).toEqual([name, expected]);
        }
        expect(activations.counts.length).toBe(activations.rows.length * BINS);
      }),
  );
});

describe('quantisation noise', () => {
  /** In dB: of every value the noise is at most half a step of the last mantissa bit, or a whole one where the rest is cut. */
  const leastSqnr = (format: FormatId) => {
    const { mantissaBits, truncates } = formatInfo(format);
    return 20 * Math.log10(2 ** (mantissaBits + (truncates ? 0 : 1)));
  };
  /** In dB: what sums of a few thousand values in f32 may be off, and what subnormal values add at the scale of their tensor. */
  const SLACK = 0.01;

  test.each([
    ['fp16', {}],
    ['fp8', {}],
    ['bf16', { position: 'rope', keyValueHeads: 1 }],
    ['fp16', { position: 'rope', qkNorm: true }],
  ] as const)('in %s with %o is that of the weights, and at most what rounding allows', (precision, kinds) =>
    withTrainer({ precision, accumulation: 2, ...kinds }, async (trainer) => {
      await trainer.numerics.enable(2);
      await takeSteps(trainer, 2);
      const [frame] = trainer.numerics.takeFrames();
      const kinds = new Set(frame!.noise.map(({ kind }) => kind));
      expect([...kinds].sort()).toEqual(['activation', 'activationGradient', 'weight']);
      for (const { name, kind, format, sqnr, saturated, amax } of frame!.noise) {
        const least = leastSqnr(format) - SLACK;
        expect([name, saturated]).toEqual([name, 0]);
        if (kind !== 'weight') expect([name, sqnr! >= least]).toEqual([name, true]);
        else {
          const { spec, parts } = trainer.plan.tensors.parameters.get(name)!;
          const { tensor, offset, elements } = parts[0]!.master;
          const learned = name === 'wte.weight' ? TINY_VOCABULARY * spec.columns : elements;
          const values = await numbersOf(trainer, slice(tensor, offset, learned));
          const scale = precision === 'fp8' && name !== 'wte.weight' ? currentScale(values, format) : 1;
          const expected = quantizationNoise(values, format, scale);
          expect([name, amax]).toEqual([name, expected.amax]);
          const ratio = 10 * Math.log10(expected.signal / expected.noise);
          expect(Math.abs(sqnr! - ratio), `${name}: ${sqnr} dB, not ${ratio}`).toBeLessThan(SLACK);
        }
      }
    }),
  );

  /** Of a kernel's f32 results beside those in f64, relative to the norm of them all. */
  const KERNEL_ERROR = 2 ** -18;

  test.each(['fp16', 'bf16', 'e8m3'] as const)(
    'in %s of values that kernels narrow as they store them matches their results in f64',
    (precision) =>
      withTrainer({ precision }, async (trainer) => {
        const { parameters, planned, gpt, rows } = trainer.plan.tensors;
        const { batch: B, context: T, width: C, heads: H } = TINY;
        const numbers = (operand: Operand) => numbersOf(trainer, operand);
        // The step changes them.
        const weight = await numbers(parameters.get('h.0.attn.c_attn.weight')!.parts[0]!.weight);
        const scale = await numbers(parameters.get('h.0.ln_1.weight')!.parts[0]!.master);
        const zero = new Float64Array(3 * C);
        await trainer.numerics.enable(1);
        await takeSteps(trainer, 1);
        const [frame] = trainer.numerics.takeFrames();
        const of = (name: string) => numbers(storedAs(trainer, name));
        const norm = layernormForward(await of('embedding'), scale, zero, rows, C, 1e-5).out;
        const product = matmul(await of('h.0.ln_1'), weight, rows, 3 * C, C, zero);
        const attended = attentionForward(await of('h.0.attn.c_attn'), { B, T, H, D: C / H }).out;
        const sum = planned.find(({ tensor }) => tensor.name === 'residual gradient')!.tensor;
        for (const [name, exact] of [
          ['h.0.ln_1', norm],
          ['h.0.attn.c_attn', product],
          ['h.0.attn', attended],
          ['h.0.mlp.gelu', geluForward(await of('h.0.mlp.c_fc'))],
          ['residual gradient at h.0.ln_1', await numbers(sum)],
        ] as const) {
          const stored = storedAs(trainer, name);
          const { sqnr, format, amax } = frame!.noise.find((row) => row.name === name)!;
          const ratio = sqnrOf(exact, await numbers(stored));
          // The norm of the noise is off by that of the kernel's own error at most.
          const bound = 20 * Math.log10(1 + KERNEL_ERROR * 10 ** (ratio / 20)) + SLACK;
          const message = `${name}: ${sqnr} dB, not ${ratio}; bound ${bound}`;
          expect(Math.abs(sqnr! - ratio), message).toBeLessThan(bound);
          const largest = Math.max(...exact.map(Math.abs));
          expect(Math.abs(amax / largest - 1), `${name}: amax`).toBeLessThan(2 ** -14);
          expect([name, format]).toEqual([name, formatOf(stored)]);
        }
        const stored = frame!.noise.filter(({ kind }) => kind !== 'weight');
        expect(stored.length).toBe((precision === 'e8m3' ? 10 : 11) * gpt.layers + 3);
        for (const { name, format, sqnr } of stored) {
          expect(sqnr, `${name}: ${sqnr} dB`).toBeGreaterThanOrEqual(leastSqnr(format) - SLACK);
        }
      }),
  );
});

/** 20 log10(||x|| / ||x - stored||) */
function sqnrOf(x: Float64Array, stored: Float64Array): number {
  const signal = x.reduce((sum, value) => sum + value * value, 0);
  const noise = x.reduce((sum, value, i) => sum + (value - stored[i]!) ** 2, 0);
  return 10 * Math.log10(signal / noise);
}
