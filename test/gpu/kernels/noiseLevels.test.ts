/** The noise of operands at their levels, and the levels that blocks choose by it, against their f64 oracles. */
import { expect, test } from 'vitest';
import { uniformAt } from '../../../src/engine/core/rng.ts';
import type { Operation } from '../../../src/engine/gpu/operation.ts';
import { slice, type TensorSlice } from '../../../src/engine/gpu/tensor.ts';
import {
  blockLevelTable,
  columnGroups,
  levelScratch,
  noiseDecide,
  noiseElements,
  quantizeLevelColumns,
  quantizeLevels,
  type RunLevels,
  readBlocks,
} from '../../../src/engine/kernels/levels.ts';
import { initialStepState, STEP_STATE_WORDS } from '../../../src/engine/kernels/stepState.ts';
import { type LevelRole, NOISE_HYSTERESIS, stagesOf } from '../../../src/engine/precision/levels.ts';
import { columnsAtLevels, tensorAtLevels } from '../../../src/engine/reference/levels.ts';
import { nextStageOfBlock, relativeNoise } from '../../../src/engine/reference/noiseLevels.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { withKernelFixture } from './withKernelFixture.ts';

const LADDER = stagesOf('i8g8', 'noise', 'affine', 'rne');

test('noise is measured at the own level and at the one below, for each block; zeros are left out', () =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const target = targetOf(fixture, 'packed', false);
    const stages = [2, 0, 1];
    const blocks = stages.length;
    const [rows, columns] = [8, 300]; // two workgroups round a weight, the second with idle lanes
    const elements = rows * columns;
    const weightGroups = columnGroups(columns);
    const sizes = noiseElements({ blocks, weightGroups });
    const noise = run.zeros('noise', 'f32', sizes.activation + sizes.weight);
    const table = run.bytes('table', blockLevelTable(LADDER, stages).buffer);
    const levels: RunLevels = { table, ofBlocks: { blocks, weightGroups, noise } };
    const state = run.bytes('state', initialStepState(1));
    const values = (seed: number) =>
      Array.from({ length: elements }, (_, i) => Math.fround((uniformAt(i, seed) - 0.3) * 2 ** (i % 3)));
    // Block 0 has one activation, block 1 two, and that of block 2 is zero.
    const activations = [
      ...[values(3), values(4), values(5)].map((x, at) => ({ x, block: Math.min(at, 1) })),
      { x: new Array<number>(elements).fill(0), block: 2 },
    ];
    const weights = [6, 7, 8].map(values);
    const operand = (name: string, role: LevelRole, block: number): TensorSlice => ({
      ...slice(run.output(name, 'f32', elements), 0, elements),
      levels: { role, block },
    });
    await run.run([
      ...activations.flatMap(({ x, block }, at) => {
        const out = operand(`activation ${at}`, 'activation', block);
        const partials = run.output(`partials ${at}`, 'f32', levelScratch(out));
        const inp = run.input(`x ${at}`, 'f32', x);
        const args = { label: `${at}`, inp, out, elements, levels, partials, state, seed: 1 };
        // The second time nothing is measured.
        return [true, false].flatMap((measures) => quantizeLevels(target, { ...args, measures }));
      }),
      ...weights.map((x, block) => {
        const out = operand(`weight ${block}`, 'weight', block);
        const inp = run.input(`w ${block}`, 'f32', x);
        return quantizeLevelColumns(target, { label: `${block}`, inp, out, levels, rows, columns });
      }),
    ]);
    const measured = run.read(noise);
    const sumOf = (first: number, count: number, part: number) => {
      let sum = 0;
      for (let i = 0; i < count; i += 4) sum += measured[first + i + part]!;
      return sum;
    };
    const groups = Math.ceil(elements / 4 / 64);
    // Each workgroup has every groups-th 64 vectors of an activation, and 64 vectors of columns of a weight.
    const parts = (x: readonly number[], rounded: Float64Array, groupOf: (i: number) => number) =>
      Array.from({ length: Math.max(...[...x.keys()].map(groupOf)) + 1 }, (_, group) => {
        const own = [...x.keys()].filter((i) => groupOf(i) === group);
        return relativeNoise(
          own.map((i) => x[i]!),
          own.map((i) => rounded[i]!),
        )!;
      }).reduce((sum, each) => sum + each, 0);
    for (const block of [0, 1]) {
      for (const part of [0, 1]) {
        const stage = LADDER[Math.max(stages[block]! - part, 0)]!;
        const activation = sumOf((block * sizes.activation) / blocks, sizes.activation / blocks, part);
        const expected = activations
          .filter((each) => each.block === block)
          .map(({ x }) =>
            parts(x, tensorAtLevels(x, stage.activation).values, (i) => Math.floor(i / 256) % groups),
          )
          .reduce((sum, each) => sum + each, 0);
        // A value whose code is at a tie goes to either neighbour, with the same error.
        expect(activation / expected, `activations of block ${block}, part ${part}`).toBeCloseTo(1, 4);
        const w = weights[block]!;
        const weight = sumOf(sizes.activation + (block * sizes.weight) / blocks, sizes.weight / blocks, part);
        const ofWeight = parts(w, columnsAtLevels(w, columns, stage.weight), (i) =>
          Math.floor((i % columns) / 256),
        );
        expect(weight / ofWeight, `weights of block ${block}, part ${part}`).toBeCloseTo(1, 4);
      }
    }
    const count = (block: number) => sumOf((block * sizes.activation) / blocks, sizes.activation / blocks, 2);
    expect([0, 1, 2].map(count)).toEqual([groups, 2 * groups, 0]);
  }));

test('blocks go up and down as the rule says, at the end of windows only', () =>
  withKernelFixture(async (fixture) => {
    const [threshold, window, steps] = [0.04, 3, 60];
    const rule = { stages: LADDER.length, threshold, lower: NOISE_HYSTERESIS * threshold };
    const first = [3, 0, 2, 1, 3];
    const blocks = first.length;
    const run = new KernelRun(fixture);
    const words = blockLevelTable(LADDER, first);
    const table = run.codes('table', 'u32', words);
    const trace = run.output('trace', 'u32', steps * words.length);
    const weightGroups = 2;
    const sizes = noiseElements({ blocks, weightGroups });
    const size = sizes.activation + sizes.weight;
    // Of a block in a step: noise of activations and of weights, each at the own level and below; block 4 is never measured.
    const drawn = (step: number, block: number) =>
      Array.from({ length: 4 }, (_, i) =>
        Math.fround((i % 2 === 0 ? 0.04 : 0.02) * uniformAt(step * 20 + block * 4 + i, 12)),
      );
    const all = new Float32Array(steps * size);
    const states = new Uint32Array(steps * 64);
    for (let step = 0; step < steps; step++) {
      states[step * 64 + 15] = step + 1;
      for (let block = 0; block < 4; block++) {
        const [x, xBelow, w, wBelow] = drawn(step, block);
        all.set([x!, xBelow!, 1], step * size + (block * sizes.activation) / blocks);
        // Two parts with the same mean as one.
        const at = step * size + sizes.activation + (block * sizes.weight) / blocks;
        all.set([w! / 2, wBelow! / 2, 1, 0, (3 * w!) / 2, (3 * wBelow!) / 2, 1], at);
      }
    }
    const measured = run.input('measured', 'f32', all);
    const noise = run.output('noise', 'f32', size);
    const allStates = run.codes('states', 'u32', states);
    const ofBlocks = { blocks, weightGroups, noise };
    const operations = Array.from({ length: steps }, (_, step): Operation[] => [
      { kind: 'copy', from: slice(measured, step * size, size), to: slice(noise, 0, size) },
      noiseDecide({
        ...{ state: slice(allStates, step * 64, STEP_STATE_WORDS), table, ofBlocks },
        ...{ stages: LADDER.length, window, threshold },
      }),
      { kind: 'copy', from: table, to: slice(trace, step * words.length, words.length) },
    ]);
    await run.run(operations.flat());
    const rows = new Uint32Array(run.bytesOf(trace));
    let stages = first;
    const seen = new Set<string>();
    for (let step = 0; step < steps; step++) {
      const before = stages;
      if ((step + 1) % window === 0) {
        stages = stages.map((stage, block) => {
          const [x, xBelow, w, wBelow] = drawn(step, block);
          const next = nextStageOfBlock(
            stage,
            block < 4 ? { own: x! + w!, below: xBelow! + wBelow! } : null,
            rule,
          );
          seen.add(`${stage} to ${next}`);
          return next;
        });
      }
      const row = rows.slice(step * words.length, (step + 1) * words.length);
      const expected = blockLevelTable(LADDER, stages);
      expect([...row.subarray(0, 7 * blocks)], `after step ${step + 1}`).toEqual([
        ...expected.subarray(0, 7 * blocks),
      ]);
      expect(readBlocks(row, blocks).used).toEqual(before);
    }
    for (const change of ['0 to 1', '1 to 0', '1 to 2', '2 to 1', '2 to 3', '3 to 2', '0 to 0', '3 to 3'])
      expect(seen).toContain(change);
  }));
