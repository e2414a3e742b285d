/**
 * Shader variants before Dawn's own validation, on its backend without a GPU: WGSL, features, binding layouts, workgroup
 * sizes and the sizes of what is bound, in milliseconds a variant. Nothing is executed. What is validated is a pairwise
 * cover: whatever a kernel gets wrong for one storage of a slot, or for two choices that meet, shows in one of its variants.
 */
import { describe, expect, test } from 'vitest';
import { variantKey } from '../../src/engine/gpu/operation.ts';
import { kernelNames } from '../../src/engine/gpu/shaders.ts';
import { type MatrixShape, SUBGROUP_MATRIX } from '../../src/engine/gpu/subgroupMatrix.ts';
import { writeUniforms } from '../../src/engine/gpu/uniforms.ts';
import { PRECISION_MODES } from '../../src/engine/precision/recipes.ts';
import type { DeviceOptions } from '../gpu/device.ts';
import type { KernelFixture } from '../gpu/kernels/runKernel.ts';
import { runVariants } from '../gpu/kernels/runVariants.ts';
import { choicesOf, coverOf, pairsOf, pairText } from '../gpu/kernels/variantCover.ts';
import {
  dispatchesOf,
  distinctBy,
  type KnownVariant,
  linked,
  ofSteps,
  plansOf,
} from '../gpu/kernels/variants.ts';
import { WIDTH_CASES } from '../gpu/kernels/widths/widthCases.ts';
import { withKernelFixture } from '../gpu/kernels/withKernelFixture.ts';
import { storesIn } from './storesIn.ts';

/** Smallest subgroups of SwiftShader and lavapipe, and the largest of any GPU: what a kernel needs grows with them. */
const SUBGROUPS = [4, 8, 32, 64];

/** On WebGPU's guaranteed limits: adapters raise them, and no kernel may count on it. */
function withNull<T>(features: GPUFeatureName[], body: (fixture: KernelFixture) => Promise<T>): Promise<T> {
  const options: DeviceOptions = {
    dawn: ['backend=null', 'enable-dawn-features=allow_unsafe_apis'],
    features,
    limits: {},
  };
  return withKernelFixture(body, options);
}

const FEATURES: GPUFeatureName[] = ['shader-f16', 'subgroups'];
/** As NVIDIA, Apple and Intel offer them, in shares of both widths. */
const MATRIX_SHAPES: readonly MatrixShape[] = [
  { component: 'f16', m: 16, n: 16, k: 16 },
  { component: 'f16', m: 16, n: 8, k: 16, wide: true },
  { component: 'f32', m: 8, n: 8, k: 8 },
  { component: 'f32', m: 8, n: 8, k: 8, wide: true },
  { component: 'f16', m: 8, n: 16, k: 16 },
];

const withoutSubgroups = dispatchesOf([null]);
const dispatches = distinctBy(
  [...withoutSubgroups, ...dispatchesOf(SUBGROUPS, MATRIX_SHAPES)],
  ({ variant }) => variantKey(variant),
);
const cover = coverOf(dispatches, pairsOf);
const variants = await Promise.all(cover.map(linked));
const core = await Promise.all(coverOf(withoutSubgroups, pairsOf).map(linked));

describe('a pairwise cover of the variants is valid', () => {
  test('with all features, at every subgroup size', () =>
    withNull([...FEATURES, SUBGROUP_MATRIX as GPUFeatureName], async (fixture) => {
      const result = await runVariants(fixture, variants);
      console.log(`all features: ${result.ran} variants in ${result.seconds.toFixed(1)} s`);
      expect(result.failures).toEqual([]);
      expect(result.cannotRun).toEqual([]);
      expect(result.ran).toBeGreaterThan(400);
    }));

  test('with core WebGPU only', () =>
    withNull([], async (fixture) => {
      const result = await runVariants(fixture, core);
      console.log(`no features: ${result.ran} variants in ${result.seconds.toFixed(1)} s`);
      expect(result.failures).toEqual([]);
      for (const key of result.cannotRun) expect(key).toMatch(/f16_native|peak_fma .* half/);
      expect(result.ran).toBeGreaterThan(200);
    }));
});

describe('each of them', () => {
  test('states the bindings that its WGSL stores to', () => {
    const readOnly = new Set<string>();
    const wrong: string[] = [];
    for (const { key, code, bindings, dispatch } of variants) {
      const writable = [...bindings].filter(([, { type }]) => type === 'storage').map(([name]) => name);
      const stored = storesIn(code, [...bindings.keys()]);
      const stated = [...dispatch.writes].sort();
      if (stated.join() !== stored.sort().join()) wrong.push(`${key}: states ${stated}, stores ${stored}`);
      const refused = stored.filter((name) => !writable.includes(name));
      if (refused.length > 0) wrong.push(`${key}: stores to ${refused}, which it may only read`);
      for (const name of writable) {
        if (!stored.includes(name)) readOnly.add(`${dispatch.variant.kernel} ${name}`);
      }
    }
    expect(wrong).toEqual([]);
    // The declaration comes from lib/moments.wgsl, which adamw.wgsl stores with.
    expect([...readOnly]).toEqual(['adamw_statistics groups']);
  });

  test('gives the fields of its uniform struct', () => {
    for (const { uniforms: fields, dispatch } of variants) {
      const view = new DataView(new ArrayBuffer(4 * fields.length));
      writeUniforms(view, fields, dispatch, 77);
      for (const { name, offset } of fields) {
        if (name === 'site') expect(view.getUint32(offset, true)).toBe(77);
      }
      expect(Object.keys(dispatch.uniforms).sort()).toEqual(fields.map(({ name }) => name).sort());
    }
  });
});

describe('a variant is refused by name', () => {
  /** What is said of a sound kernel after `change`, on a device with these features. */
  async function said(
    change: (variant: KnownVariant, device: GPUDevice) => KnownVariant,
    features = FEATURES,
  ): Promise<string> {
    const half = variants.find(
      ({ key, features }) => key.startsWith('layernorm_forward') && features.length === 2,
    )!;
    const other = variants.find(({ key }) => key.startsWith('loss_sum'))!;
    return withNull(features, async (fixture) => {
      const { failures } = await runVariants(fixture, [other, change(half, fixture.device)]);
      expect(failures).toHaveLength(1);
      return failures[0]!;
    });
  }

  const NAMED = /^layernorm_forward \| .*f16_native/;

  /** Has the device make something else than it is asked for. */
  function tamper<K extends 'createShaderModule' | 'createBindGroupLayout'>(
    device: GPUDevice,
    method: K,
    change: (descriptor: Parameters<GPUDevice[K]>[0]) => void,
  ): void {
    const make = device[method].bind(device) as (descriptor: Parameters<GPUDevice[K]>[0]) => unknown;
    Object.assign(device, {
      [method]: (descriptor: Parameters<GPUDevice[K]>[0]) => {
        if (descriptor.label?.startsWith('layernorm')) change(descriptor);
        return make(descriptor);
      },
    });
  }

  test('when it is not WGSL', async () => {
    const message = await said((variant, device) => {
      tamper(device, 'createShaderModule', (module) => {
        module.code += 'fn broken() -> f32 { return 1u; }';
      });
      return variant;
    });
    expect(message).toMatch(NAMED);
    expect(message).toMatch(/cannot|return/);
  });

  test('when it writes to what is bound as read-only', async () => {
    const message = await said((variant, device) => {
      tamper(device, 'createBindGroupLayout', ({ entries }) => {
        for (const { buffer } of entries) if (buffer?.type === 'storage') buffer.type = 'read-only-storage';
      });
      return variant;
    });
    expect(message).toMatch(NAMED);
    expect(message).toMatch(/read-only|ReadOnlyStorage/i);
  });

  test.each(FEATURES)('when %s is needed and not there', async (missing) => {
    const message = await said(
      (variant) => ({ ...variant, features: [] }),
      FEATURES.filter((feature) => feature !== missing),
    );
    expect(message).toMatch(NAMED);
    expect(message).toMatch(/f16|subgroup/);
  });

  test('when its workgroup is larger than WebGPU guarantees', async () => {
    const message = await said(({ dispatch, ...variant }) => {
      const constants = { ...dispatch.variant.constants, LANES: 512 };
      return { ...variant, dispatch: { ...dispatch, variant: { ...dispatch.variant, constants } } };
    });
    expect(message).toMatch(NAMED);
    expect(message).toMatch(/256/);
  });

  test('when its grid is larger than WebGPU guarantees', async () => {
    const message = await said(({ dispatch, ...variant }) => ({
      ...variant,
      dispatch: { ...dispatch, grid: [65_536, 1, 1] },
    }));
    expect(message).toMatch(NAMED);
    expect(message).toMatch(/65535/);
  });

  test('when a binding is missing', async () => {
    const message = await said(({ dispatch, ...variant }) => {
      const { out: _, ...bindings } = dispatch.bindings;
      return { ...variant, dispatch: { ...dispatch, bindings } };
    });
    expect(message).toMatch(NAMED);
    expect(message).toMatch(/missing bindings \[out\]/);
  });

  test('when a uniform has another name', async () => {
    const message = await said(({ dispatch, ...variant }) => {
      const { rows, ...uniforms } = dispatch.uniforms;
      return { ...variant, dispatch: { ...dispatch, uniforms: { ...uniforms, lines: rows! } } };
    });
    expect(message).toMatch(NAMED);
    expect(message).toMatch(/missing uniforms \[rows\], unknown uniforms \[lines\]/);
  });
});

test('what uses subgroups says of which size, and is tested in workgroups of every width', () => {
  const using = variants.filter(({ features }) => features.includes('subgroups'));
  for (const { key, dispatch } of using) {
    expect(dispatch.variant.constants, key).toHaveProperty('SUBGROUP');
  }
  const kernels = new Set(using.map(({ dispatch }) => dispatch.variant.kernel));
  // Its workgroups are whole subgroups; and what shows them runs in workgroups of several widths by itself.
  for (const other of ['matmul_matrix', 'subgroup_probe']) kernels.delete(other);
  for (const tested of WIDTH_CASES.flatMap((one) => one.kernels)) kernels.delete(tested);
  expect([...kernels]).toEqual([]);
});

describe('the cover', () => {
  const inCover = new Set(cover.flatMap(pairsOf));

  test('has every kernel file, and every two choices that meet in a variant', () => {
    expect([...new Set(cover.map(({ variant }) => variant.kernel))].sort()).toEqual(kernelNames());
    const pairs = new Set(dispatches.flatMap(pairsOf));
    expect(inCover.size).toBe(pairs.size);
    expect([...pairs].filter((pair) => !inCover.has(pair)).map(pairText)).toEqual([]);
    console.log(`${cover.length} of ${dispatches.length} variants cover ${pairs.size} pairs`);
    expect(cover.length).toBeLessThan(dispatches.length / 2);
  });

  test.each(PRECISION_MODES)('has what meets in %s', (precision) => {
    const target = { half: 'native', matmul: 'register32', subgroup: 8, lanes: 8 } as const;
    const rest = { attention: 'register', matrixShapes: [], splitSums: false } as const;
    const asked = ofSteps({ ...target, ...rest }, plansOf({ precision }));
    const pairs = new Set<number>();
    for (const operation of asked) {
      if (operation.kind === 'dispatch') for (const pair of pairsOf(operation)) pairs.add(pair);
    }
    expect(pairs.size).toBeGreaterThan(0);
    expect([...pairs].filter((pair) => !inCover.has(pair)).map(pairText)).toEqual([]);
  });

  test('of single choices is smaller, and has each', () => {
    const singles = coverOf(cover, choicesOf);
    expect(new Set(singles.flatMap(choicesOf))).toEqual(new Set(dispatches.flatMap(choicesOf)));
    console.log(`${singles.length} of ${cover.length} have every choice`);
    expect(singles.length).toBeLessThan(cover.length / 2);
  });
});
