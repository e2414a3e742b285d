import { expect, test } from 'vitest';
import { presetOf } from '../../src/engine/config/presets.ts';
import { checkConfig } from '../../src/engine/config/trainConfig.ts';
import type { AdapterReport } from '../../src/engine/gpu/device.ts';
import type { Dispatch } from '../../src/engine/gpu/operation.ts';
import { attentionCandidates, makeTarget, matmulCandidates } from '../../src/engine/gpu/target.ts';
import { recordKernels } from '../../src/engine/kernels/kernelChoice.ts';
import { ATTENTION, fastest, MATMUL } from '../../src/engine/kernels/kernelFamilies.ts';
import { KERNEL_TITLES, readKernels } from '../../src/engine/kernels/kernelOption.ts';
import { keyOf, largestOfEach } from '../../src/engine/kernels/kernelTiming.ts';
import { operationsOf } from '../../src/engine/model/emission.ts';
import { buildPass } from '../../src/engine/model/schedule.ts';
import { runTensors } from '../../src/engine/model/tensors.ts';

const seen = (times: Readonly<Record<string, number | null>>, faulty: readonly string[] = []) => ({
  seconds: async (name: string) => times[name] ?? null,
  fault: async (name: string) => (faulty.includes(name) ? 'differs' : null),
  plain: 'plain',
  clearWin: 0.9,
});

test('the fastest is taken where it is clearly faster than what is expected', async () => {
  const all = ['a', 'b', 'c'];
  expect((await fastest(all, seen({ a: 1, b: 0.95, c: 1.2 }))).name).toBe('a');
  expect((await fastest(all, seen({ a: 1, b: 0.8, c: 0.5 }))).name).toBe('c');
});

test('what is not timed is not taken, and without any time it is what is expected', async () => {
  expect((await fastest(['a', 'b', 'c'], seen({ a: 1, b: 0.5, c: null }))).name).toBe('b');
  expect((await fastest(['a', 'b'], seen({ a: null, b: 0.1 }))).name).toBe('a');
});

test('nothing is timed where there is one candidate', async () => {
  const seconds = async () => {
    throw new Error('was timed');
  };
  expect((await fastest(['a'], { ...seen({}), seconds })).name).toBe('a');
});

test('a family that fails its self-test is passed over with a sentence, down to the plain one', async () => {
  const times = { a: 1, b: 0.5, c: 0.8 };
  expect(await fastest(['a', 'b', 'c'], seen(times, ['b']))).toEqual({
    name: 'c',
    notes: ['b is not used: differs'],
  });
  expect(await fastest(['a', 'b'], seen({ a: 1, b: 2 }, ['a', 'b']))).toEqual({
    name: 'plain',
    notes: ['a is not used: differs', 'b is not used: differs'],
  });
});

const GPU = {
  isFallback: false,
  subgroup: { size: 32, asked: false, note: null },
  half: 'packed',
} as AdapterReport;

test('GPUs time what software adapters know', () => {
  expect(matmulCandidates(GPU)).toEqual(['tiled', 'register16-unshared', 'register16']);
  expect(matmulCandidates({ ...GPU, subgroup: null })).toEqual(['tiled', 'register16-unshared']);
  expect(attentionCandidates(GPU)[0]).toBe('uniform');
  for (const size of [4, 8]) {
    const software = { ...GPU, isFallback: true, subgroup: { size, asked: false, note: null } };
    expect(matmulCandidates(software)).toHaveLength(1);
    expect(attentionCandidates(software)).toHaveLength(1);
  }
});

test('a run is timed on its own shapes: the largest matmul of each layout, and attention of both passes', () => {
  const config = presetOf('smoke').config;
  const { training } = runTensors(config, 65, { maxBindingBytes: 2 ** 27 });
  const sample = (families: Partial<Parameters<typeof makeTarget>[2]>) =>
    operationsOf(
      buildPass(training, makeTarget(GPU, 'packed', { matmul: 'tiled', matrixShapes: [], ...families })),
    );
  const matmuls = largestOfEach(sample({}), MATMUL.isOf);
  const layouts = matmuls.map(
    ({ dispatch: { variant } }) =>
      `${variant.conditions.aTransposed ? 'T' : 'N'}${variant.conditions.bTransposed ? 'T' : 'N'}`,
  );
  expect(layouts.sort()).toEqual(['NN', 'NT', 'TN']);
  const total = sample({}).reduce(
    (sum, one) => sum + (one.kind === 'dispatch' && MATMUL.isOf(one) ? one.flops! : 0),
    0,
  );
  const counted = matmuls.reduce((sum, { dispatch, weight }) => sum + weight * dispatch.flops!, 0);
  expect(counted).toBeCloseTo(total, -3);
  const rows = config.batch * config.context;
  const ofForward = matmuls.find(({ dispatch }) => dispatch.variant.conditions.bTransposed === false);
  expect(ofForward!.dispatch.uniforms.m).toBe(rows);
  for (const attention of ['register', 'uniform'] as const) {
    const passes = largestOfEach(sample({ attention }), ATTENTION.isOf);
    expect(passes.length).toBeGreaterThanOrEqual(3);
    expect(passes.every(({ weight }) => weight === config.layers)).toBe(true);
  }
});

test('the choice is made anew for other shapes, and not for another learning rate', () => {
  const of = (change: object): string => {
    const config = { ...presetOf('smoke').config, ...change };
    const { training } = runTensors(config, 65, { maxBindingBytes: 2 ** 27 });
    const target = makeTarget(GPU, 'packed', { matmul: 'tiled', matrixShapes: [] });
    return keyOf(
      largestOfEach(operationsOf(buildPass(training, target)), (one: Dispatch) => MATMUL.isOf(one)),
    );
  };
  expect(of({ learningRate: 0.1, seed: 5 })).toBe(of({}));
  expect(of({ batch: 1 })).not.toBe(of({}));
});

test('families are asked for by name, joined by a plus', () => {
  expect(readKernels('auto')).toEqual({});
  expect(readKernels('tiled')).toEqual({ matmul: 'tiled' });
  expect(readKernels('matrix+attention-uniform+tiled128')).toEqual({
    ...{ matmul: 'tiled128', attention: 'uniform', matrix: true },
  });
  expect(readKernels('no-matrix')).toEqual({ matrix: false });
  expect(readKernels('packed+tiled')).toEqual({ matmul: 'tiled', packed: true });
  for (const name of Object.keys(KERNEL_TITLES)) expect(() => readKernels(name)).not.toThrow();
});

test.each([
  ['tild', /kernels has "tild", which is no family/],
  ['tiled+tiled64', /kernels is "tiled\+tiled64": two matmul kernels/],
  ['matrix+no-matrix', /two answers about matrix units/],
  ['packed+no-packed', /two answers about packed products/],
  ['auto+tiled', /kernels has "auto"/],
  ['', /kernels has ""/],
])('%s is refused by name', (kernels, message) => {
  expect(() => checkConfig({ ...presetOf('smoke').config, kernels }, 65)).toThrow(message);
});

test('what a driver says at length is cut in the record, so that a saved run opens again', () => {
  const record = recordKernels({
    ...{ matmul: 'register8', attention: 'register', matrixShapes: [] },
    ...{ matrixNote: 'x'.repeat(9000), note: 'y'.repeat(9000) },
  });
  for (const words of [record.subgroupMatrix, record.note]) expect(words!.length).toBeLessThanOrEqual(2000);
});
