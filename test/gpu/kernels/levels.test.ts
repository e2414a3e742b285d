/** Operands rounded to levels that are data, and the stage machine of a precision schedule, against their f64 oracles. */
import { expect, test } from 'vitest';
import { randomBits, uniformAt } from '../../../src/engine/core/rng.ts';
import type { Operation } from '../../../src/engine/gpu/operation.ts';
import { slice, type TensorSlice } from '../../../src/engine/gpu/tensor.ts';
import {
  levelScratch,
  levelTable,
  quantizeLevelColumns,
  quantizeLevels,
  stageDecide,
  TURNING,
} from '../../../src/engine/kernels/levels.ts';
import { initialStepState, STEP_STATE_WORDS } from '../../../src/engine/kernels/stepState.ts';
import { type Level, type LevelRole, type Stage, stagesOf } from '../../../src/engine/precision/levels.ts';
import { integerStep, roundToLevel } from '../../../src/engine/reference/levels.ts';
import { firstStage, nextStage } from '../../../src/engine/reference/stages.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { withKernelFixture } from './withKernelFixture.ts';

const integers = (['affine', 'symmetric'] as const).flatMap((range) =>
  [2, 3, 4, 6, 8].map((bits): Level => ({ kind: 'integer', bits, range })),
);
const floats = (['rne', 'rz'] as const).flatMap((rounding): Level[] =>
  [
    [2, 1],
    [5, 1],
    [5, 2],
    [4, 3],
    [8, 7],
  ].map(([exponentBits, mantissaBits]) => ({
    ...{ kind: 'float', exponentBits: exponentBits!, mantissaBits: mantissaBits!, rounding },
  })),
);

const title = (level: Level) =>
  level.kind === 'integer'
    ? `${level.bits} bits ${level.range}`
    : `e${level.exponentBits}m${level.mantissaBits} ${level.rounding}`;

const stageWith = (level: Level): Stage => ({
  ...{ name: title(level), activation: level, weight: level, outputGradient: level },
});

const at = (tensor: ReturnType<KernelRun['output']>, elements: number, levels: LevelRole): TensorSlice => ({
  ...slice(tensor, 0, elements),
  levels: { role: levels, block: 0 },
});

const INPUTS: Readonly<Record<string, readonly number[]>> = {
  'a ramp from 0 to 255': Array.from({ length: 256 }, (_, i) => i),
  'one value': new Array(64).fill(0.3),
  zeros: new Array(64).fill(0),
  'one outlier': Array.from({ length: 4096 }, (_, i) => (i === 77 ? 250 : uniformAt(i, 3) - 0.5)),
  'tiny numbers': Array.from({ length: 512 }, (_, i) => (uniformAt(i, 4) - 0.3) * 1e-6),
};

test.each([...integers, ...floats].map((level) => [title(level), level] as const))(
  '%s: a tensor with one range',
  (name, level) =>
    withKernelFixture(async (fixture) => {
      const target = targetOf(fixture, 'packed', false);
      const run = new KernelRun(fixture);
      const levels = { table: run.bytes('levels', levelTable([stageWith(level)]).buffer) };
      const state = run.bytes('state', initialStepState(1));
      const cases = Object.entries(INPUTS).map(([label, values]) => {
        const inp = run.input(label, 'f32', values);
        const out = run.output(`${label} out`, 'f32', values.length);
        const operand = at(out, values.length, 'activation');
        const partials = run.output(`${label} partials`, 'f32', levelScratch(operand));
        const args = { label, inp, out: operand, elements: values.length, levels, partials, state, seed: 1 };
        return { label, out, x: values.map(Math.fround), operations: quantizeLevels(target, args) };
      });
      await run.run(cases.flatMap(({ operations }) => operations));
      for (const { label, out, x } of cases) {
        const low = Math.min(...x);
        const high = Math.max(...x);
        const stored = run.read(out);
        const step = level.kind === 'integer' ? integerStep(level, low, high) : 0;
        // A division may be off by 2.5 units in the last place, and so may a code whose value is that close to a tie.
        const slack = 2 ** -20 * Math.max(Math.abs(low), Math.abs(high), high - low);
        let other = 0;
        for (const [i, value] of x.entries()) {
          const expected = roundToLevel(value, low, high, level);
          const error = Math.abs(stored[i]! - expected);
          if (level.kind === 'float') expect(stored[i], `${name}, ${label}, ${value}`).toBe(expected);
          else if (error > slack) {
            other += 1;
            expect(Math.abs(stored[i]! - value), `${label}: ${value}`).toBeLessThanOrEqual(step / 2 + slack);
          }
        }
        expect(other, `${label}: values at a tie`).toBeLessThanOrEqual(x.length / 100);
      }
    }),
);

test('256 values in a row are what 8 bits hold', () =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const level: Level = { kind: 'integer', bits: 8, range: 'affine' };
    const inp = run.input('ramp', 'f32', INPUTS['a ramp from 0 to 255']!);
    const out = run.output('out', 'f32', 256);
    const operand = at(out, 256, 'activation');
    await run.run(
      quantizeLevels(targetOf(fixture, 'packed', false), {
        ...{ label: 'ramp', inp, out: operand, elements: 256, seed: 0 },
        levels: { table: run.bytes('levels', levelTable([stageWith(level)]).buffer) },
        partials: run.output('partials', 'f32', levelScratch(operand)),
        state: run.bytes('state', initialStepState(1)),
      }),
    );
    expect([...run.read(out).slice(0, 256)]).toEqual(INPUTS['a ramp from 0 to 255']);
  }));

test('weights have a range for each column, ragged shapes included', () =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const level: Level = { kind: 'integer', bits: 4, range: 'affine' };
    const levels = { table: run.bytes('levels', levelTable([stageWith(level)]).buffer) };
    const shapes = [
      [1, 4],
      [33, 36],
      [7, 300],
    ] as const;
    const cases = shapes.map(([rows, columns]) => {
      const label = `${rows} x ${columns}`;
      const x = Array.from({ length: rows * columns }, (_, i) =>
        Math.fround((uniformAt(i, 8) - 0.4) * 2 ** ((i % columns) % 9)),
      );
      const out = run.output(`${label} out`, 'f32', x.length);
      const args = {
        label,
        inp: run.input(label, 'f32', x),
        out: at(out, x.length, 'weight'),
        levels,
        rows,
        columns,
      };
      return {
        rows,
        columns,
        x,
        out,
        operation: quantizeLevelColumns(targetOf(fixture, 'packed', false), args),
      };
    });
    await run.run(cases.map(({ operation }) => operation));
    for (const { rows, columns, x, out } of cases) {
      const stored = run.read(out);
      for (let column = 0; column < columns; column++) {
        const own = Array.from({ length: rows }, (_, row) => x[row * columns + column]!);
        const [low, high] = [Math.min(...own), Math.max(...own)];
        const step = integerStep(level, low, high);
        for (const [row, value] of own.entries()) {
          const q = stored[row * columns + column]!;
          expect(Math.abs(q - value)).toBeLessThanOrEqual(step / 2 + 2 ** -20 * (high - low + Math.abs(low)));
          const code = (q - low) / step;
          expect(Math.abs(code - Math.round(code))).toBeLessThan(1e-3);
        }
      }
    }
  }));

test('gradients are rounded at random so that their mean is the value, zero stays zero where it is a level', () =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const draws = 2 ** 16;
    const value = 0.3;
    // The first two values are the range.
    const x = Array.from({ length: draws + 4 }, (_, i) => [-1, 1, 0, 0][i] ?? value);
    const results = (['affine', 'symmetric'] as const).map((range) => {
      const level: Level = { kind: 'integer', bits: 3, range };
      const out = run.output(`${range} out`, 'f32', x.length);
      const operand = at(out, x.length, 'outputGradient');
      const operations = quantizeLevels(targetOf(fixture, 'packed', false), {
        ...{ label: range, inp: run.input(range, 'f32', x), out: operand, elements: x.length, seed: 9 },
        levels: { table: run.bytes(`${range} levels`, levelTable([stageWith(level)]).buffer) },
        partials: run.output(`${range} partials`, 'f32', levelScratch(operand)),
        state: run.bytes(`${range} state`, initialStepState(1)),
      });
      return { range, out, operations, step: integerStep(level, -1, 1) };
    });
    await run.run(results.flatMap(({ operations }) => operations));
    for (const { range, out, step } of results) {
      const stored = run.read(out);
      const drawn = stored.slice(4, 4 + draws);
      const mean = drawn.reduce((sum, each) => sum + each, 0) / draws;
      // A draw is one of two neighbours: its standard deviation is at most half a step.
      const sigma = step / 2 / Math.sqrt(draws);
      expect(Math.abs(mean - value), `${range}: within 4 sigma, ${4 * sigma}`).toBeLessThan(4 * sigma);
      expect(new Set(drawn).size).toBe(2);
      if (range === 'symmetric') expect(Math.abs(stored[2]!)).toBe(0);
    }
  }));

const TRACES: Readonly<Record<string, (step: number) => number>> = {
  constant: () => 2,
  falling: (step) => 1 + 2 / step,
  'falling with noise': (step) => 1.5 + 2 * 0.97 ** step + 0.02 * ((randomBits(step, 5) % 100) / 100),
  'with lost steps': (step) => (step % 7 === 0 ? Number.POSITIVE_INFINITY : 2 + 0.001 * (step % 3)),
  'all lost': () => Number.NaN,
};

test.each(Object.entries(TRACES))('the stage machine follows its oracle: losses %s', (_, loss) =>
  withKernelFixture(async (fixture) => {
    const steps = 120;
    const stages = stagesOf('i8g8', 'pfq', 'affine', 'rne');
    const times = { window: 3, forced: [60, 80, 100] } as const;
    const run = new KernelRun(fixture);
    const table = levelTable(stages);
    const levels = run.codes('levels', 'u32', table);
    const trace = run.output('trace', 'u32', steps * table.length);
    const states = new Uint32Array(steps * 64);
    for (let step = 0; step < steps; step++) {
      new Float32Array(states.buffer)[step * 64 + 8] = loss(step + 1);
      states[step * 64 + 15] = step + 1;
    }
    const all = run.codes('states', 'u32', states);
    const operations = Array.from({ length: steps }, (_, step): Operation[] => [
      stageDecide({
        ...{ state: slice(all, step * 64, STEP_STATE_WORDS), levels, stages: stages.length, times },
      }),
      { kind: 'copy', from: levels, to: slice(trace, step * table.length, table.length) },
    ]);
    await run.run(operations.flat());
    const words = new Uint32Array(run.bytesOf(trace));
    const rule = { ...times, ...TURNING, stages: stages.length };
    let expected = firstStage(rule);
    for (let step = 0; step < steps; step++) {
      const before = expected.stage;
      expected = nextStage(expected, rule, step + 1, Math.fround(loss(step + 1)));
      const row = words.subarray(step * table.length, (step + 1) * table.length);
      const current = stages[expected.stage]!;
      expect(
        { stage: row[3], forced: row[15], used: row[16], levels: [...row.subarray(0, 3)] },
        `after step ${step + 1}`,
      ).toEqual({
        ...{ stage: expected.stage, forced: expected.forced, used: before },
        levels: [...levelTable([current]).subarray(0, 3)],
      });
    }
    expect(expected.stage).toBe(3);
  }),
);
