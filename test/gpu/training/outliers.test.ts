/** Evaluation with columns of large inputs in a wider format, as in LLM.int8(). */
import { expect, test } from 'vitest';
import { openForwardModel, reportOf } from '../../../src/engine/index.ts';
import { splitOutliers } from '../../../src/engine/kernels/outliers.ts';
import { KernelRun, targetOf } from '../kernels/runKernel.ts';
import { withKernelFixture } from '../kernels/withKernelFixture.ts';
import { parametersOf, randomBatch, TINY_VOCABULARY, withTrainer } from './helper.ts';

const TOKENS = [...randomBatch(3, 200).tokens].map((token) => token % TINY_VOCABULARY);

test('columns are split where a magnitude reaches the threshold, also infinity and NaN', () =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const [rows, columns, threshold] = [70, 12, 6];
    const values = Array.from({ length: rows * columns }, (_, i) => ((i * 7) % 11) / 2 - 2.5);
    const set = (row: number, column: number, value: number) => {
      values[row * columns + column] = value;
    };
    set(69, 1, 6);
    set(0, 2, 5.96875);
    set(33, 5, -100);
    set(40, 8, Number.NEGATIVE_INFINITY);
    set(41, 11, Number.NaN);
    const inp = run.input('inp', 'bf16', values);
    const [regular, outliers] = ['regular', 'outliers'].map((name) =>
      run.output(name, 'bf16', rows * columns),
    );
    const partials = run.output('partials', 'f32', rows * columns);
    const target = targetOf(fixture, 'packed', false);
    const args = {
      label: 'x',
      inp,
      regular: regular!,
      outliers: outliers!,
      partials,
      rows,
      columns,
      threshold,
    };
    await run.run(splitOutliers(target, args));
    const large = [1, 5, 8, 11];
    for (const [at, x] of run.values(inp).entries()) {
      const isLarge = large.includes(at % columns);
      expect(run.read(regular!)[at], `${at}`).toBe(isLarge ? 0 : x);
      expect(run.read(outliers!)[at], `${at}`).toBe(isLarge ? x : 0);
    }
  }));

test('a planted outlier channel moves int8-q and not its split, which is int8-q to the bit where nothing reaches the threshold', () =>
  withTrainer({ precision: 'fp32', batch: 1 }, async (trainer, { adapter }) => {
    const parameters = await parametersOf(trainer, 'master');
    // One channel behind each first norm is 300 times as large, and what reads it as much smaller.
    for (const layer of [0, 1]) {
      parameters.get(`h.${layer}.ln_1.weight`)![5]! *= 300;
      const weight = parameters.get(`h.${layer}.attn.c_attn.weight`)!;
      const outputs = weight.length / trainer.config.width;
      for (let i = 0; i < outputs; i++) weight[5 * outputs + i]! /= 300;
    }
    const report = reportOf(adapter, trainer.device);
    const { config, dataset, device } = trainer;
    const open = (precision: 'fp32' | 'int8-q' | 'int8-all', outliers?: number) =>
      openForwardModel(device, report, { ...config, precision }, dataset.tokenizer, {
        valuesOf: (name) => Float32Array.from(parameters.get(name)!),
        outliers,
      });
    const logitsOf = async (...args: Parameters<typeof open>) => {
      const model = await open(...args);
      const { loss } = await model.score(TOKENS.slice(0, 60));
      const logits = await model.nextTokenLogits(TOKENS.slice(0, 20));
      model.destroy();
      return { loss, logits };
    };
    const exact = await logitsOf('fp32');
    const plain = await logitsOf('int8-q');
    expect(await logitsOf('int8-q', 1e9)).toEqual(plain);
    const split = await logitsOf('int8-q', 6);
    const distance = ({ logits }: { logits: Float32Array }) =>
      Math.hypot(...logits.map((x, i) => x - exact.logits[i]!)) / Math.hypot(...exact.logits);
    console.log(`int8-q ${distance(plain)}, split ${distance(split)} from fp32`);
    expect(distance(split)).toBeLessThan(distance(plain) / 4);
    await expect(open('int8-all', 6)).rejects.toThrow(/inputs of int8-all are not split/);
    await expect(open('int8-q', -1)).rejects.toThrow(/outliers is -1/);
  }));
