import { expect, test } from 'vitest';
import { MODEL_KERNELS } from '../../../src/engine/kernels/modelKernels.ts';
import { muon } from '../../../src/engine/kernels/optimizers/muon.ts';
import { recipeOf } from '../../../src/engine/precision/recipes.ts';
import { checkMuon, columnsOf, GATED, GROUPED, type MuonShape, scratchFor } from './muonCase.ts';
import { adamwState } from './optimizerCase.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

const JORDAN = { coefficients: 'keller-jordan', scale: 'spectral', optimState: 'f32' } as const;

test.each([
  ['fp32', { ...JORDAN, shape: GROUPED }],
  ['fp32', { ...JORDAN, shape: GATED, scale: 'rms', optimState: 'bf16' }],
  ['fp16', { ...JORDAN, shape: GROUPED, coefficients: 'polar-express' }],
  ['fp16-pure', { ...JORDAN, shape: GATED }],
  ['bf16-sr', { ...JORDAN, shape: GROUPED, optimState: 'bf16' }],
  ['bf16-split', { ...JORDAN, shape: GATED, coefficients: 'polar-express', scale: 'rms' }],
] as const)('one step in %s, %o', (mode, options) =>
  withKernelFixture(async (fixture) => {
    const target = targetOf(fixture, 'packed', true);
    expectWithin(`muon ${mode}`, await checkMuon(fixture, target, recipeOf(mode), options));
  }),
);

test('the other matmul kernels, without subgroups: one step in fp32', () =>
  withKernelFixture(async (fixture) => {
    for (const kernel of ['register8', 'tiled64'] as const) {
      const target = targetOf(fixture, 'packed', false, kernel);
      const options = { ...JORDAN, shape: GROUPED };
      expectWithin(`muon ${kernel}`, await checkMuon(fixture, target, recipeOf('fp32'), options));
    }
  }));

/** A matrix with momentum and gradient filled as told; scratch is full of NaN before. */
async function afterStep(shape: MuonShape, fill: number, apply: boolean) {
  return withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const elements = shape.rows * columnsOf(shape);
    const [gradient, master, m] = ['gradient', 'master', 'm'].map((name) =>
      run.input(name, 'f32', new Float64Array(elements).fill(fill)),
    );
    const words = { gradFactor: 1, learningRate: 1, biasCorrection1: 1, biasCorrection2: 1 };
    const found = run.found();
    const settings = {
      muonMomentum: 0.95,
      muonCoefficients: 'keller-jordan',
      muonScale: 'spectral',
    } as const;
    await run.run(
      muon(
        targetOf(fixture, 'packed', false),
        {
          ...{ gradient: gradient!, master: master!, m: m!, compute: undefined, low: undefined },
          place: {
            rows: shape.rows,
            columns: elements / shape.rows,
            firstColumn: 0,
            stride: elements / shape.rows,
          },
          ...{ scratch: scratchFor(run, shape), first: 0, seed: 0, label: 'muon' },
        },
        {
          ...{ ...settings, rateFactor: 1, weightDecay: 0.1, moments: { rounding: 'nearest' }, found },
          ...{ masterRounding: 'nearest', state: run.bytes('state', adamwState({ apply, ...words })) },
        },
        MODEL_KERNELS,
      ),
    );
    return { master: run.read(master!), m: run.read(m!), overflow: run.overflow() };
  });
}

const ONE: MuonShape = { rows: 8, sideBySide: [12] };

test('a skipped step changes no bit of weights and momentum, and reports no overflow', async () => {
  const { master, m, overflow } = await afterStep(ONE, 3, false);
  expect(new Set([...master, ...m])).toEqual(new Set([3]));
  expect(overflow).toBe(null);
});

test('without gradient and momentum weights stay zero', async () => {
  const { master, m, overflow } = await afterStep(ONE, 0, true);
  expect(new Set([...master, ...m])).toEqual(new Set([0]));
  expect(overflow).toBe(null);
});
