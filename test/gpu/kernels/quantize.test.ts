/** Tensors in eight bits with a scale, against scalar references: codes, scales and histories to the bit. */
import { expect, test } from 'vitest';
import { normalAt, randomBits } from '../../../src/engine/core/rng.ts';
import { slice } from '../../../src/engine/gpu/tensor.ts';
import {
  delayedScales,
  quantizeCurrent,
  quantizeDelayed,
  SCALE_WORDS,
} from '../../../src/engine/kernels/quantize.ts';
import { initialStepState } from '../../../src/engine/kernels/stepState.ts';
import { AMAX_ALGORITHMS, largestBits } from '../../../src/engine/precision/quantization.ts';
import { encodeBits, f32Bits } from '../../../src/engine/reference/rounding.ts';
import {
  amaxBits,
  type DelayedScale,
  nextDelayedScale,
  scaleFor,
} from '../../../src/engine/reference/tensorScale.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { withKernelFixture } from './withKernelFixture.ts';

const FORMATS = ['e4m3fn', 'e5m2'] as const;
const ONE = 0x3f800000;

const filled = (length: number, of: (i: number) => number) =>
  Array.from({ length }, (_, i) => Math.fround(of(i)));
/** Tensors on which scaling could go wrong. Subnormal f32 numbers are left out: adapters may flush them. */
const TENSORS: Readonly<Record<string, number[]>> = {
  zero: filled(8, () => 0),
  infinity: [1, Number.POSITIVE_INFINITY, -3, 0],
  NaN: [1, Number.NaN, Number.NEGATIVE_INFINITY, 0.25],
  tiny: filled(12, (i) => (i + 1) * 2 ** -124),
  huge: filled(12, (i) => (i - 6) * 2 ** 124),
  'all equal': filled(64, () => 0.3),
  'one large': filled(2048, (i) => (i === 2047 ? -1e6 : 1e-3)),
  'the edge of the mantissa': filled(8, (i) => 1.75 * 2 ** (i - 4) * (i % 2 ? 1 + 2 ** -23 : 1)),
  // Several workgroups, the last of them ragged.
  normal: filled(4 * 256 * 5 + 12, (i) => normalAt(i, 3) * 2 ** (integer(i) - 8)),
};
function integer(i: number): number {
  return randomBits(i, 4) % 16;
}

test.each(FORMATS)('%s: every tensor at its current scale', (format) =>
  withKernelFixture(async (fixture) => {
    const target = targetOf(fixture, 'packed', false);
    const run = new KernelRun(fixture);
    const names = Object.keys(TENSORS);
    const scales = run.codes(
      'scales',
      'u32',
      names.flatMap(() => [ONE, ONE, largestBits(format), 0]),
    );
    const amax = run.zeros('amax', 'u32', names.length);
    const outs = names.map((name) => run.output(name, format, TENSORS[name]!.length));
    await run.run(
      names.flatMap((label, i) => {
        const values = TENSORS[label]!;
        const scale = { tensor: scales, record: i };
        const out = { ...slice(outs[i]!, 0, values.length), scale };
        const inp = run.codes(`${label} inp`, 'f32', values.map(f32Bits));
        return quantizeCurrent(target, { label, inp, out, amax, scales, elements: values.length });
      }),
    );
    const records = new Float32Array(run.bytesOf(scales));
    for (const [i, name] of names.entries()) {
      const values = TENSORS[name]!;
      const scale = scaleFor(amaxBits(values), format, 1);
      expect([name, records[SCALE_WORDS * i], records[SCALE_WORDS * i + 1]]).toEqual([
        name,
        scale,
        1 / scale,
      ]);
      const codes = values.map((x) => encodeBits(format, f32Bits(Math.fround(x * scale))));
      expect([...run.codesOf(outs[i]!)], name).toEqual(codes);
    }
  }),
);

test.each(AMAX_ALGORITHMS)(
  'delayed scales (%s) follow the reference through zero, infinity, NaN and a skipped step',
  (algorithm) =>
    withKernelFixture(async (fixture) => {
      const target = targetOf(fixture, 'packed', false);
      /** Largest magnitudes of the steps, one list a tensor; the step called `skipped` leaves all as it is. */
      const seen = [
        [3, 1e-3, 5, 0, 0, 0, 2, 1e6, 1],
        [0, 0, 1e-30, 1e-30, 1e-30, 1e-30, 0, 0, 1e-30],
        [1, Number.POSITIVE_INFINITY, 1, 1, 1, 1, Number.NaN, 1, 1],
        [448, 449, 100, 700, 1, 1, 1, 1, 1],
      ];
      const [historyLength, margin, skipped] = [4, 1, 7];
      const run = new KernelRun(fixture);
      const scales = run.codes(
        'scales',
        'u32',
        seen.flatMap((_, i) => [ONE, ONE, largestBits(FORMATS[i % 2]!), 0]),
      );
      const history = run.zeros('history', 'u32', seen.length * historyLength);
      const out = seen.map((_, i) => run.output(`out ${i}`, FORMATS[i % 2]!, 4));
      const operations = seen[0]!.flatMap((_, step) => {
        const amax = run.zeros(`amax ${step}`, 'u32', seen.length);
        const words = new Uint32Array(initialStepState(1));
        words[3] = step === skipped ? 0 : 1; // apply
        const state = run.bytes(`state ${step}`, words.buffer);
        return [
          ...seen.flatMap((values, i) => {
            const x = values[step]!;
            const inp = run.codes(`inp ${step} ${i}`, 'f32', [0, x / 2, -x, 0].map(f32Bits));
            const scale = { tensor: scales, record: i };
            const args = { label: `${i}`, inp, out: { ...slice(out[i]!, 0, 4), scale }, amax, scales };
            return quantizeDelayed(target, { ...args, elements: 4 });
          }),
          delayedScales({
            amax,
            history,
            scales,
            state,
            records: seen.length,
            historyLength,
            algorithm,
            margin,
          }),
        ];
      });
      await run.run(operations);
      const records = new Float32Array(run.bytesOf(scales));
      const histories = run.codesOf(history);
      for (const [i, values] of seen.entries()) {
        let state: DelayedScale = { history: new Array<number>(historyLength).fill(0), scale: 1 };
        let before = 1;
        for (const [step, x] of values.entries()) {
          before = state.scale;
          if (step !== skipped)
            state = nextDelayedScale(state, amaxBits([x]), FORMATS[i % 2]!, margin, algorithm);
        }
        expect(records[SCALE_WORDS * i]).toBe(state.scale);
        expect(records[SCALE_WORDS * i + 1]).toBe(1 / state.scale);
        expect([...histories.subarray(i * historyLength, (i + 1) * historyLength)]).toEqual(state.history);
        // The last step was stored at the scale of the steps before it.
        const last = values.at(-1)!;
        const codes = [0, last / 2, -last, 0].map((x) => encodeBits(FORMATS[i % 2]!, f32Bits(x * before)));
        expect([...run.codesOf(out[i]!)]).toEqual(codes);
      }
    }),
);
