/**
 * Guards of arXiv 2102.13565 for norms and exponentials of f16 data have nothing to mend here: only storage is f16, and kernels
 * compute in f32, where no square of an f16 number overflows or vanishes and no argument of exp leaves its range.
 */
import { expect, test } from 'vitest';
import { MLP_KINDS, MLPS, NORM_KINDS, NORMS } from '../../../src/engine/config/gptConfig.ts';
import { activationForward } from '../../../src/engine/kernels/activation.ts';
import { layernormBackward, layernormForward } from '../../../src/engine/kernels/rows.ts';
import {
  layernormBackward as layernormBackwardOracle,
  layernormForward as layernormForwardOracle,
  rmsnormBackward,
  rmsnormForward,
} from '../../../src/engine/reference/ops.ts';
import { decodeBits } from '../../../src/engine/reference/rounding.ts';
import { activationOf } from './activations.ts';
import { ULP } from './approx.ts';
import { compareReplayed, compareStored } from './bounds.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { expectWithin, withKernelFixture } from './withKernelFixture.ts';

/** Codes of all finite f16 numbers. */
const FINITE = Array.from({ length: 2 ** 16 }, (_, code) => code).filter(
  (code) => (code & 0x7c00) !== 0x7c00,
);

test.each([...new Map(MLP_KINDS.map((kind) => [MLPS[kind].function, kind])).values()])(
  'the activation function of %s, of every finite f16 number',
  (kind) =>
    withKernelFixture(async (fixture) => {
      const run = new KernelRun(fixture);
      const preActivation = run.codes('pre-activation', 'f16', FINITE);
      const out = run.output('out', 'f32', FINITE.length);
      await run.run([
        activationForward(targetOf(fixture, 'packed', false), {
          ...{ kind: MLPS[kind].function, preActivation, out, elements: FINITE.length, label: kind },
        }),
      ]);
      const replayed = FINITE.map((code) => activationOf(kind).replayed(decodeBits('f16', code)));
      const expected = replayed.map(({ value }) => value);
      expect(expected.every(Number.isFinite)).toBe(true);
      expectWithin(kind, [compareReplayed(kind, 'f32', run.read(out), expected, replayed)]);
    }),
);

const WIDTH = 64;
/** Squares of the first and third overflow f16, those of the second and last vanish in it. */
const ROWS = [
  (i: number) => (i % 2 === 0 ? 65504 : -65504),
  (i: number) => (i % 3 === 0 ? 2 ** -12 : -(2 ** -13)),
  (i: number) => (i === 5 ? 65504 : 0),
  (i: number) => (i % 2 === 0 ? 2 ** -24 : 0),
];
/** Small enough that the second and last row are not all epsilon. */
const EPSILON = 1e-15;

test.each(NORM_KINDS)('%s of rows whose squares have no place in f16', (kind) =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const rows = ROWS.length;
    const x = Float64Array.from({ length: rows * WIDTH }, (_, i) => ROWS[Math.floor(i / WIDTH)]!(i % WIDTH));
    const gain = Float64Array.from({ length: WIDTH }, (_, i) => 1 + i / WIDTH);
    const dy = Float64Array.from({ length: rows * WIDTH }, (_, i) => ((i * 7) % 11) - 5);
    const [inp, weight, dout] = [
      run.input('inp', 'f16', x),
      run.input('weight', 'f16', gain),
      run.input('dout', 'f16', dy),
    ] as const;
    const [out, dinp, stats] = [
      run.output('out', 'f32', rows * WIDTH),
      run.output('dinp', 'f32', rows * WIDTH),
      run.output('stats', 'f32', 2 * rows),
    ] as const;
    const target = targetOf(fixture, 'packed', false);
    const { conditions } = NORMS[kind];
    const shared = { inp, weight, stats, rows, width: WIDTH, conditions, found: run.found(), label: kind };
    await run.run([
      layernormForward(target, { ...shared, epsilon: EPSILON, out }),
      layernormBackward(target, { ...shared, dout, dinp, accumulate: false }),
    ]);
    expect(run.overflow()).toBe(null);
    const oracle = () => {
      if (kind === 'rmsnorm') {
        const { out, rms } = rmsnormForward(x, gain, rows, WIDTH, EPSILON);
        return { out, ...rmsnormBackward(dy, x, gain, rms, rows, WIDTH) };
      }
      const { out, mean, rstd } = layernormForwardOracle(
        x,
        gain,
        new Float64Array(WIDTH),
        rows,
        WIDTH,
        EPSILON,
      );
      return { out, ...layernormBackwardOracle(dy, x, gain, mean, rstd, rows, WIDTH) };
    };
    const wanted = oracle();
    // Sums of WIDTH terms, and of as many squares under a root; a row's terms are at most as large as its largest result times gain.
    const share = (2 * WIDTH + 16) * ULP;
    const largest = (values: Float64Array, row: number) =>
      Math.max(...values.subarray(row * WIDTH, (row + 1) * WIDTH).map(Math.abs));
    const inverse = (row: number) => Math.abs(run.read(stats)[2 * row + 1]!);
    expectWithin(kind, [
      compareStored(
        'out',
        'f32',
        run.read(out),
        wanted.out,
        (i) => share * 2 * Math.max(8, largest(wanted.out, Math.floor(i / WIDTH))),
      ),
      compareStored(
        'dinp',
        'f32',
        run.read(dinp),
        wanted.dinp,
        (i) => share * 8 * 10 * 8 * inverse(Math.floor(i / WIDTH)),
      ),
    ]);
  }),
);
