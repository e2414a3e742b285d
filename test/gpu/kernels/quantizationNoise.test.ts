/** Signal-to-quantisation-noise ratios against sums in f64, counts exactly. */
import { expect, test } from 'vitest';
import { normalAt } from '../../../src/engine/core/rng.ts';
import { slice } from '../../../src/engine/gpu/tensor.ts';
import { readParts } from '../../../src/engine/inspect/noise.ts';
import {
  NOISE_WORDS,
  quantizationNoise,
  scaledQuantizationNoise,
} from '../../../src/engine/kernels/numerics.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import { quantizationNoise as oracle } from '../../../src/engine/reference/quantizationNoise.ts';
import { encodeBits, f32Bits } from '../../../src/engine/reference/rounding.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { withKernelFixture } from './withKernelFixture.ts';

const normal = (elements: number, size: number) =>
  Array.from({ length: elements }, (_, i) => (i % 13 === 0 ? 0 : Math.fround(normalAt(i, 3) * size)));
/** All workgroups, two vectors in some lanes, the last workgroup ragged. */
const MANY = 4 * 256 * 33 + 12;

interface Case {
  readonly name: string;
  readonly format: FormatId;
  readonly values: readonly number[];
  /** Where the operand has one. */
  readonly scale?: number;
}

const CASES: readonly Case[] = [
  { name: 'f16', format: 'f16', values: normal(MANY, 0.02) },
  { name: 'values whose squares f32 does not hold', format: 'bf16', values: normal(300, 2 ** -90) },
  { name: 'large ones too', format: 'bf16', values: normal(300, 2 ** 110) },
  { name: 'truncated', format: 'e5m2-rz', values: normal(300, 1) },
  { name: 'a scale that is too large', format: 'e4m3fn', values: normal(MANY, 1), scale: 2 ** 9 },
  { name: 'a scale that is too small', format: 'e5m2', values: normal(300, 2 ** -30), scale: 2 ** 14 },
  { name: 'nothing lost', format: 'f16', values: [1, 2, -4, 0] },
  { name: 'zeros', format: 'bf16', values: [0, 0, 0, 0] },
  { name: 'overflow', format: 'f16', values: [1e5, 1, 1e-9, 0] },
];

/** In dB: squares and their difference round thrice, a lane adds at most two vectors, and ten more sums follow, in signal and in noise. */
const BOUND = (10 / Math.LN10) * 2 * 15 * 2 ** -24;

/** Relative: a fourth power rounds thrice and is summed as squares are, and the energy below it counts twice. */
const FOURTH_BOUND = (15 + 2 * 15) * 2 ** -24;

test('signal-to-quantisation-noise ratios agree with f64, shares and amax exactly', () =>
  withKernelFixture(async (fixture) => {
    const run = new KernelRun(fixture);
    const target = targetOf(fixture, 'packed', false);
    const parts = run.zeros('parts', 'u32', CASES.length * NOISE_WORDS);
    const records = CASES.map(({ scale = 1 }) => [f32Bits(scale), f32Bits(1 / scale), 0, 0]);
    const scales = run.codes('scales', 'u32', records.flat());
    const largest = CASES.map(({ values }) => f32Bits(Math.max(...values.map(Math.abs))));
    const amax = run.codes('amax', 'u32', largest);
    await run.run(
      CASES.flatMap(({ name, format, values, scale }, i) => {
        const codes = values.map((x) => encodeBits(format, f32Bits(Math.fround(x * (scale ?? 1)))));
        const args = {
          inp: run.codes(`${name} inp`, 'f32', values.map(f32Bits)),
          parts: slice(parts, i * NOISE_WORDS, NOISE_WORDS),
          elements: values.length,
          label: name,
        };
        const stored = slice(run.codes(`${name} out`, format, codes), 0, codes.length);
        if (scale === undefined) return quantizationNoise(target, { ...args, out: stored });
        const out = { ...stored, scale: { tensor: scales, record: i } };
        return [scaledQuantizationNoise(target, { ...args, out, amax })];
      }),
    );
    const words = new Uint32Array(run.bytesOf(parts));
    const seen = new Map<string, number | null>();
    let worst = 0;
    for (const [i, { name, format, values, scale = 1 }] of CASES.entries()) {
      const { sqnr, kurtosis, ...exact } = readParts(
        words.slice(i * NOISE_WORDS, (i + 1) * NOISE_WORDS),
        values.length,
      );
      const { signal, noise, kurtosis: fourth, ...expected } = oracle(values, format, scale);
      expect([name, exact]).toEqual([name, expected]);
      seen.set(name, sqnr);
      if (sqnr !== null) worst = Math.max(worst, Math.abs(sqnr - 10 * Math.log10(signal / noise)));
      if (kurtosis === null) expect(['zeros', 'overflow']).toContain(name);
      else expect(Math.abs(kurtosis / fourth - 1), name).toBeLessThanOrEqual(FOURTH_BOUND);
      if (name.startsWith('a scale')) expect(exact.saturated! + exact.underflow!).toBeGreaterThan(0.1);
    }
    console.info(`worst error ${worst.toExponential(2)} dB, bound ${BOUND.toExponential(2)} dB`);
    expect(worst).toBeLessThanOrEqual(BOUND);
    const unmeasured = [...seen].filter(([, sqnr]) => sqnr === null).map(([name]) => name);
    expect(unmeasured).toEqual(['nothing lost', 'zeros', 'overflow']);
  }));
