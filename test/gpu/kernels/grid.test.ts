/** More than 65,535 workgroups: WebGPU's limit for one dimension of a grid. */
import { expect, test } from 'vitest';
import { convertFormat } from '../../../src/engine/kernels/optimizer.ts';
import { layernormForward } from '../../../src/engine/kernels/rows.ts';
import { normal } from './inputs.ts';
import { KernelRun, targetOf } from './runKernel.ts';
import { withKernelFixture } from './withKernelFixture.ts';

const MAX_GROUPS = 65535;

test('one lane a vector: a copy of 17 million numbers', () =>
  withKernelFixture(async (fixture) => {
    const elements = 4 * 64 * MAX_GROUPS + 1000;
    const run = new KernelRun(fixture);
    // Finite numbers with 10 mantissa bits: rounding to TF32 keeps them.
    const codes = Uint32Array.from({ length: elements }, (_, i) => ((i % 0x3f000) + 0x400) << 13);
    const inp = run.codes('inp', 'f32', codes);
    const out = run.output('out', 'tf32', elements);
    const target = targetOf(fixture, 'packed', false);
    await run.run([convertFormat(target, { inp, out, elements, label: 'copy' })]);
    expect(firstDifference(run.codesOf(out), codes)).toBeNull();
  }));

test('one workgroup a row: layer norm of 70,001 rows', () =>
  withKernelFixture(async (fixture) => {
    const [rows, width, period] = [70_001, 8, 7];
    const some = normal(period * width, 1);
    const run = new KernelRun(fixture);
    const inp = run.input(
      'inp',
      'f32',
      Float64Array.from({ length: rows * width }, (_, i) => some[i % some.length]!),
    );
    const out = run.output('out', 'f32', rows * width);
    await run.run([
      layernormForward(targetOf(fixture, 'packed', true), {
        label: 'rows',
        inp,
        weight: run.input('weight', 'f32', normal(width, 2)),
        bias: run.input('bias', 'f32', normal(width, 3)),
        epsilon: 1e-5,
        out,
        stats: run.output('stats', 'f32', 2 * rows),
        rows,
        width,
        found: run.found(),
      }),
    ]);
    const codes = run.codesOf(out);
    expect(
      firstDifference(
        codes,
        codes.map((_, i) => codes[i % some.length]!),
      ),
    ).toBeNull();
  }));

function firstDifference(actual: ArrayLike<number>, wanted: ArrayLike<number>): string | null {
  for (let i = 0; i < wanted.length; i++) {
    if (actual[i] !== wanted[i]) return `element ${i}: ${actual[i]} instead of ${wanted[i]}`;
  }
  return actual.length === wanted.length ? null : `${actual.length} elements instead of ${wanted.length}`;
}
