/** The finite check, the norm and the clip, the scaler, and what a skipped step leaves alone. */
import { describe, expect, test } from 'vitest';
import type { Operation, Target } from '../../../src/engine/gpu/operation.ts';
import type { Tensor } from '../../../src/engine/gpu/tensor.ts';
import { gradientNorm, NORM_PARTIALS, stepDecide } from '../../../src/engine/kernels/optimizer.ts';
import { adamw } from '../../../src/engine/kernels/optimizers/adamw.ts';
import { initialStepState, NO_SITE } from '../../../src/engine/kernels/stepState.ts';
import { formatInfo, type HalfStorage, type NamedFormat } from '../../../src/engine/precision/formats.ts';
import { clipCoefficient } from '../../../src/engine/reference/ops.ts';
import { encodeBits, f32Bits } from '../../../src/engine/reference/rounding.ts';
import { gamma } from './approx.ts';
import { compareStored } from './bounds.ts';
import { modesByRoles, rolesOf, storedModes } from './modes.ts';
import { adamwState, checkAdamw, checkConvert, checkGradientNorm } from './optimizerCase.ts';
import { type KernelFixture, KernelRun, targetOf } from './runKernel.ts';
import { checkScaler, SCALER_CASES } from './scalerCase.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

/** Formats that gradients are accumulated in. */
type GradientFormat = Exclude<NamedFormat, 'e4m3fn' | 'e5m2' | 'e2m1fn' | 'i8'>;

const STORED: readonly { format: GradientFormat; half: HalfStorage }[] = [
  { format: 'f32', half: 'packed' },
  { format: 'tf32', half: 'packed' },
  { format: 'bf16', half: 'packed' },
  { format: 'f16', half: 'native' },
  { format: 'f16', half: 'packed' },
  { format: 'f16-flush', half: 'native' },
];

/** One gradient_norm dispatch and one found flag a list of codes. */
async function findsIn(
  fixture: KernelFixture,
  target: Target,
  format: GradientFormat,
  lists: readonly Uint32Array[],
) {
  const run = new KernelRun(fixture);
  const state = run.bytes('state', initialStepState(1));
  const partials = run.output('partials', 'f32', NORM_PARTIALS);
  const flags: Tensor[] = [];
  const operations = lists.map((codes): Operation => {
    const found = run.found();
    flags.push(found);
    const gradient = run.codes('gradient', format, codes);
    return gradientNorm(target, { gradient, state, partials, found, elements: codes.length, first: 0 });
  });
  await run.run(operations);
  return flags.map((flag) => run.overflow(flag) !== null);
}

describe('the finite check', () => {
  test.each(STORED)('finds inf and NaN anywhere in $format, $half', ({ format, half }) =>
    withKernelFixture(async (fixture) => {
      const wide = formatInfo(format).bytes === 4;
      const [bits, exponent] = wide ? [31, 0x7f800000] : [15, format === 'bf16' ? 0x7f80 : 0x7c00];
      const sign = 2 ** bits;
      const quiet = wide ? 0x400000 : format === 'bf16' ? 0x40 : 0x200;
      const codes = [exponent, exponent + sign, exponent + quiet, exponent + 1, exponent + sign + 1];
      const one = encodeBits(format, f32Bits(1));
      // 9 vectors beyond one workgroup; the second size goes round the whole grid and ends 3 vectors into a new round.
      const sizes = [4 * (64 + 9), 4 * (64 * NORM_PARTIALS + 3)];
      const lists: Uint32Array[] = [];
      for (const code of codes) {
        for (const size of code === exponent ? sizes : [sizes[0]!]) {
          for (const at of [0, 1, 2, 3, (size >> 1) + 1, 4 * 64 - 1, 4 * 64, size - 4, size - 1]) {
            lists.push(new Uint32Array(size).fill(one));
            lists.at(-1)![at] = code;
          }
        }
      }
      const found = await findsIn(fixture, targetOf(fixture, half, false), format, lists);
      expect(found.filter((hit) => !hit)).toEqual([]);
      console.log(`finite check ${format} ${half}: ${found.length} of ${lists.length} found`);
    }),
  );

  test.each(STORED)('lets the ends of $format pass, $half', ({ format, half }) =>
    withKernelFixture(async (fixture) => {
      const halves = { f16: 0x7bff, 'f16-flush': 0x7bff, 'f16-clamp': 0x7bff, 'f16-flush-clamp': 0x7bff };
      const largest = { f32: 0x7f7fffff, tf32: 0x7f7fe000, bf16: 0x7f7f, ...halves }[format];
      const sign = formatInfo(format).bytes === 4 ? 0x80000000 : 0x8000;
      const least = { f16: 0x400, 'f16-flush': 0x400, 'f16-clamp': 0x400, 'f16-flush-clamp': 0x400 };
      const smallestNormal = { f32: 0x800000, tf32: 0x800000, bf16: 0x80, ...least }[format];
      const finite = [0, 1, smallestNormal - 1, smallestNormal, largest - 1, largest];
      const codes = Uint32Array.from([...finite, ...finite.map((code) => code + sign)]);
      const lists = [
        codes,
        codes.slice().reverse(),
        ...Array.from(codes, (code) => new Uint32Array(8).fill(code)),
      ];
      const found = await findsIn(fixture, targetOf(fixture, half, false), format, lists);
      expect(found).toEqual(lists.map(() => false));
    }),
  );
});

describe('norm and clip', () => {
  test.each([
    { format: 'f32', half: 'packed' },
    { format: 'f16', half: 'native' },
    { format: 'f16', half: 'packed' },
  ] as const)('sum of squares of $format gradients, $half', ({ format, half }) =>
    withKernelFixture(async (fixture) => {
      const comparisons = await checkGradientNorm(fixture, targetOf(fixture, half, false), format);
      expectWithin(`gradient norm ${format} ${half}`, comparisons);
    }),
  );

  test('sum of squares in as many workgroups as the gradient asks for, on a GPU', () =>
    withKernelFixture(async (fixture) => {
      const target = { ...targetOf(fixture, 'packed', false), splitSums: true };
      expectWithin('gradient norm, split', await checkGradientNorm(fixture, target, 'f32'));
    }));

  test('the norm of {3, 4} is 5 at any scale, and the clip acts on the unscaled norm', () =>
    withKernelFixture(async (fixture) => {
      const run = new KernelRun(fixture);
      const target = targetOf(fixture, 'packed', false);
      const schedule = run.input('schedule', 'f32', [0.5, 1, 1, 0]);
      const cases = [1, 2 ** 8, 2 ** 16, 2 ** 24, 2 ** 100].flatMap((scale) =>
        [0, 1, 4.999, 5.001, 100].map((clip) => ({
          scale,
          clip,
          state: run.bytes('state', initialStepState(scale)),
        })),
      );
      const operations = cases.flatMap(({ scale, clip, state }) => {
        const found = run.found();
        const partials = run.output('partials', 'f32', 2 * NORM_PARTIALS);
        // Two chunks: the norm is over all parameters.
        const chunks = [3, 4].map((x) => run.input('gradient', 'f32', [0, 0, x * scale, 0]));
        return [
          ...chunks.map((gradient, i) =>
            gradientNorm(target, { gradient, state, partials, found, elements: 4, first: i * NORM_PARTIALS }),
          ),
          stepDecide({
            ...{ partials, schedule, state, found, clip },
            partialCount: 2 * NORM_PARTIALS,
            scheduleLength: 1,
            dynamicScale: false,
            growthInterval: 1,
            floor: 1,
            ceiling: 1,
          }),
        ];
      });
      await run.run(operations);
      const words = cases.map(({ state }) => new Float32Array(run.bytesOf(state)));
      // 9 + 16 is exact; the root and what follows it are not.
      expectWithin('norm of {3, 4}', [
        compareStored(
          'norm',
          'f32',
          words.map((state) => state[9]!),
          cases.map(() => 5),
          () => 5 * gamma(6),
        ),
        compareStored(
          'factor',
          'f32',
          words.map((state) => state[10]!),
          cases.map(({ clip, scale }) => clipCoefficient(5, Math.fround(clip)) / scale),
          (i) => (clipCoefficient(5, cases[i]!.clip) / cases[i]!.scale) * gamma(12),
        ),
      ]);
    }));

  test('a sum of squares that is not finite skips the step under its own name', () =>
    withKernelFixture(async (fixture) => {
      const run = new KernelRun(fixture);
      const found = run.found();
      const state = run.bytes('state', initialStepState(2 ** 10));
      const partials = run.codes('partials', 'f32', [0x3f800000, 0x7f800000, 0, 0]);
      const schedule = run.input('schedule', 'f32', [0.5, 1, 1, 0]);
      const decide = stepDecide({
        ...{ partials, schedule, state, found, partialCount: 4, scheduleLength: 1, dynamicScale: true },
        ...{ growthInterval: 2, clip: 1, floor: 1, ceiling: 2 ** 24 },
      });
      await run.run([decide]);
      const words = new Uint32Array(run.bytesOf(state));
      expect(words[3]).toBe(0); // apply
      expect(words[7]).toBe(0); // overflowSite: the number of this dispatch
      expect(new Float32Array(run.bytesOf(state))[0]).toBe(2 ** 9);
      expect(run.codesOf(found)[0]).toBe(NO_SITE);
    }));
});

describe('the scaler', () => {
  test.each(SCALER_CASES)('follows the reference from $initialScale, interval $interval', (options) =>
    withKernelFixture(async (fixture) => {
      const { differences, ...seen } = await checkScaler(fixture, options, 1500, 5);
      console.log(`scaler ${JSON.stringify(options)}: ${JSON.stringify(seen)}`);
      expect(differences).toEqual([]);
      expect(seen.cleared).toBe(true);
    }),
  );

  test('200 overflows in a row stop at the floor', () =>
    withKernelFixture(async (fixture) => {
      const options = { ...SCALER_CASES[0]!, overflowRate: 1 };
      const { differences, low, skipped } = await checkScaler(fixture, options, 200, 5);
      expect(differences).toEqual([]);
      expect([low, skipped]).toEqual([1, 200]);
    }));
});

describe('AdamW', () => {
  test.each(storedModes(['native', 'packed']))('one step in $title', ({ title, recipe, half }) =>
    withKernelFixture(async (fixture) => {
      expectWithin(`adamw ${title}`, await checkAdamw(fixture, targetOf(fixture, half, false), recipe));
    }),
  );

  const arguments_ = {
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0,
    rateFactor: 1,
    elements: 8,
    decayedElements: 0,
    masterRounding: 'nearest',
    moments: { rounding: 'nearest', scale: 'none' },
    first: 0,
    seed: 0,
  } as const;

  test('a skipped step changes no bit of weights and moments', () =>
    withKernelFixture(async (fixture) => {
      const run = new KernelRun(fixture);
      const target = targetOf(fixture, 'native', false);
      const codes = [0x3dcccccd, 0xff800000, 0x7fc00001, 1, 0x80000000, 0x7f7fffff, 0xbf800000, 0];
      const tensor = (name: string) => run.codes(name, 'f32', codes);
      const state = run.bytes(
        'state',
        adamwState({ apply: false, gradFactor: 1, learningRate: 1, biasCorrection1: 1, biasCorrection2: 1 }),
      );
      const [gradient, master, m, v] = ['gradient', 'master', 'm', 'v'].map(tensor) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const compute = run.codes('compute', 'f16', [0x3c00, 0xfc00, 0x7e01, 1, 0x8000, 0x7bff, 0xbc00, 0]);
      await run.run([
        adamw(target, { ...arguments_, gradient, master, m, v, compute, state, label: 'adamw' }),
      ]);
      for (const after of [master, m, v]) expect([...run.codesOf(after)]).toEqual(codes);
      expect([...run.codesOf(compute)]).toEqual([0x3c00, 0xfc00, 0x7e01, 1, 0x8000, 0x7bff, 0xbc00, 0]);
    }));

  test('an update below half an f16 step vanishes in f16 weights and moves f32 masters', () =>
    withKernelFixture(async (fixture) => {
      const steps = 50;
      const rate = 2 ** -13; // half an f16 step below 1 is 2^-12, and AdamW's direction is 1 for a constant gradient
      const weightAfter = async (format: 'f16' | 'f32'): Promise<number[]> => {
        const run = new KernelRun(fixture);
        const target = targetOf(fixture, 'native', false);
        const gradient = run.input('gradient', format, new Float64Array(8).fill(1));
        const master = run.input('master', format, new Float64Array(8).fill(1));
        const m = run.zeros('m', format, 8);
        const v = run.zeros('v', format, 8);
        const operations = Array.from({ length: steps }, (_, step) =>
          adamw(target, {
            ...arguments_,
            ...{ gradient, master, m, v, label: 'adamw' },
            state: run.bytes(
              'state',
              adamwState({
                apply: true,
                gradFactor: 1,
                learningRate: rate,
                biasCorrection1: 1 / (1 - 0.9 ** (step + 1)),
                biasCorrection2: 1 / Math.sqrt(1 - 0.99 ** (step + 1)),
              }),
            ),
          }),
        );
        await run.run(operations);
        return [...run.read(master)];
      };
      const half = await weightAfter('f16');
      const single = await weightAfter('f32');
      console.log(`after ${steps} steps of ${rate}: f16 weight ${half[0]}, f32 master ${single[0]}`);
      expect(half).toEqual(new Array(8).fill(1));
      for (const weight of single)
        expect(Math.abs(weight - (1 - steps * rate))).toBeLessThan(steps * rate * 1e-3);
    }));
});

test.each(modesByRoles(['master', 'weight'], ['native', 'packed']))(
  'weights are converted exactly in $title',
  ({ title, recipe, half }) =>
    withKernelFixture(async (fixture) => {
      const target = targetOf(fixture, half, false);
      const { master, weight } = rolesOf(recipe);
      expectWithin(`convert ${title}`, [
        ...(await checkConvert(fixture, target, 'f32', master)),
        ...(await checkConvert(fixture, target, master, weight)),
      ]);
    }),
);
