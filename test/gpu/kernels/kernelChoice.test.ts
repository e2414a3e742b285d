/** Families of kernels that a run can be asked to use on lavapipe, which by itself takes the known answer. */
import { describe, expect, test, vi } from 'vitest';
import type { AttentionKernel, MatmulKernel } from '../../../src/engine/gpu/operation.ts';
import { SHADERS } from '../../../src/engine/gpu/shaders.ts';
import { chooseKernels, recordKernels } from '../../../src/engine/kernels/kernelChoice.ts';
import { ATTENTION, MATMUL } from '../../../src/engine/kernels/kernelFamilies.ts';
import { readKernels } from '../../../src/engine/kernels/kernelOption.ts';
import { withKernelFixture } from './withKernelFixture.ts';

const FAMILIES: readonly MatmulKernel[] = ['register32', 'register16-unshared'];

test('a software adapter takes the known answer, without timing', () =>
  withKernelFixture(async ({ device, pipelines, report }) => {
    const choice = await chooseKernels(device, pipelines, report);
    expect(recordKernels(choice)).toEqual({ matmul: 'register32', attention: 'register' });
    expect(pipelines.size).toBe(0);
  }));

test('operations to time are made only where something is timed', () =>
  withKernelFixture(async ({ device, pipelines, report }) => {
    const sample = vi.fn(() => []);
    const known = await chooseKernels(device, pipelines, report, { sample });
    expect(sample).not.toHaveBeenCalled();
    // What is taken anyway is not tested when it is asked for.
    const asked = readKernels(known.matmul);
    expect(recordKernels(await chooseKernels(device, pipelines, report, { sample, asked }))).toEqual({
      ...{ matmul: known.matmul, attention: known.attention },
    });
    expect(pipelines.size).toBe(0);
    await chooseKernels(device, pipelines, { ...report, isFallback: false }, { sample });
    expect(sample).toHaveBeenCalled();
  }));

test('every family passes its self-test, and is taken where it is asked for', () =>
  withKernelFixture(async ({ device, pipelines, report }) => {
    const gpu = { device, pipelines, report };
    for (const matmul of FAMILIES) expect(await MATMUL.fault(gpu, matmul), matmul).toBeNull();
    const asked = readKernels('tiled+attention-uniform');
    const choice = await chooseKernels(device, pipelines, report, { asked });
    expect(recordKernels(choice)).toEqual({ matmul: 'tiled', attention: 'uniform' });
  }));

test('matrix units are refused by name where there are none', () =>
  withKernelFixture(async ({ device, pipelines, report }) => {
    const refused = chooseKernels(device, pipelines, report, { asked: readKernels('matrix') });
    await expect(refused).rejects.toThrow(
      /^kernels matrix was given, and .* cannot run it: it offers no matrix units/,
    );
  }));

describe('a fault that a compiler might make is found', () => {
  /** Compiles with another text in place of one of the sources'. */
  async function changed<T>(file: string, from: string, to: string, body: () => Promise<T>): Promise<T> {
    const source = SHADERS[file]!;
    expect(source).toContain(from);
    SHADERS[file] = source.replaceAll(from, to);
    try {
      return await body();
    } finally {
      SHADERS[file] = source;
    }
  }

  test.each<[MatmulKernel, string, string, string]>([
    ['tiled', './matmul_tiled.wgsl', 'workgroupBarrier();', ''],
    ['register32', './lib/share.wgsl', 'return slot % SHARE;', 'return (slot + 1u) % SHARE;'],
  ])('%s, %s without %s', (matmul, file, from, to) =>
    withKernelFixture(async ({ device, pipelines, report }) => {
      const fault = await changed(file, from, to, () => MATMUL.fault({ device, pipelines, report }, matmul));
      expect(fault).toMatch(/where the plain kernel has/);
    }),
  );

  test.each<[AttentionKernel, string, string, string]>([
    ['uniform', './attention_uniform_forward.wgsl', 'shape.scale', '1.0'],
  ])('attention %s, %s without %s', (attention, file, from, to) =>
    withKernelFixture(async ({ device, pipelines, report }) => {
      const fault = await changed(file, from, to, () =>
        ATTENTION.fault({ device, pipelines, report }, attention),
      );
      expect(fault).toMatch(/where the plain kernel has/);
    }),
  );
});
