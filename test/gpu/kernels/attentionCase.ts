/** Causal attention forward and backward against the f64 oracle. */

import type { Target } from '../../../src/engine/gpu/operation.ts';
import {
  type AttentionShape,
  attentionBackward,
  attentionForward,
} from '../../../src/engine/kernels/attention.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import {
  attentionDelta,
  attentionBackward as backwardOracle,
  attentionForward as forwardOracle,
} from '../../../src/engine/reference/ops.ts';
import { Approx, approx, gamma, ULP } from './approx.ts';
import { type Comparison, compareStored } from './bounds.ts';
import { normal } from './inputs.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

/** Contexts of less than a workgroup, and of a workgroup of 8 or 64 lanes and a bit. */
export function attentionShapes(headSize: number): AttentionShape[] {
  return [
    { batch: 2, context: 5, heads: 3, headSize },
    { batch: 1, context: 1, heads: 1, headSize },
    { batch: 1, context: 70, heads: 2, headSize },
  ];
}

interface Row {
  readonly b: number;
  readonly h: number;
  readonly i: number;
}

/** Vectors of one head in packed qkv and in (B, T, H, D). */
function views(shape: AttentionShape, qkv: Float64Array) {
  const { context: T, heads: H, headSize: D } = shape;
  const part = (which: number) => (b: number, h: number, t: number) => {
    const at = (((b * T + t) * 3 + which) * H + h) * D;
    return qkv.subarray(at, at + D);
  };
  const outAt = (b: number, h: number, t: number): number => ((b * T + t) * H + h) * D;
  return { q: part(0), k: part(1), v: part(2), outAt };
}

function absoluteDot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, x, d) => sum + Math.abs(x * b[d]!), 0);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, x, d) => sum + x * b[d]!, 0);
}

/** q . k / sqrt(D): the scale rounded, each q times it, D products and sums. */
function score(q: Float64Array, k: Float64Array): Approx {
  const D = q.length;
  return new Approx(dot(q, k) / Math.sqrt(D), (gamma(D + 2) * absoluteDot(q, k)) / Math.sqrt(D));
}

function* rowsOf({ batch, heads, context }: AttentionShape): Generator<Row> {
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) for (let i = 0; i < context; i++) yield { b, h, i };
  }
}

/**
 * Bounds of out and lse. The online softmax multiplies what it has by `keep` and adds a term, once a key: term j passes
 * through 2 (i - j) roundings and i - j exponentials, most of them of 0, which WGSL lets be 3 ulp off.
 */
function forwardErrors(shape: AttentionShape, qkv: Float64Array, out: Float64Array, lse: Float64Array) {
  const { context: T, heads: H, headSize: D } = shape;
  const { q, k, v, outAt } = views(shape, qkv);
  const outError = new Float64Array(out.length);
  const lseError = new Float64Array(lse.length);
  for (const { b, h, i } of rowsOf(shape)) {
    const scores = Array.from({ length: i + 1 }, (_, j) => score(q(b, h, i), k(b, h, j)));
    const highest = Math.max(...scores.map(({ value }) => value));
    const relative: number[] = [];
    const keeps: number[] = [];
    let running = Number.NEGATIVE_INFINITY;
    for (const s of scores) {
      const next = Math.max(running, s.value);
      const weight = s.sub(next).exp();
      relative.push(weight.error / weight.value + ULP);
      const drop = Math.min(87, next - running);
      keeps.push(approx(-drop).exp().error / Math.exp(-drop) + 2 * ULP);
      running = next;
    }
    let later = 0;
    let total = 0;
    let totalError = 0;
    const numeratorError = new Float64Array(D);
    for (let j = i; j >= 0; j--) {
      const weight = Math.exp(scores[j]!.value - highest);
      const share = Math.expm1(relative[j]! + later);
      total += weight;
      totalError += weight * share;
      v(b, h, j).forEach((x, d) => {
        numeratorError[d]! += weight * Math.abs(x) * share;
      });
      later += keeps[j]!;
    }
    const at = outAt(b, h, i);
    const inverse = approx(1).div(new Approx(total, totalError));
    for (let d = 0; d < D; d++) {
      outError[at + d] = new Approx(out[at + d]! * total, numeratorError[d]!).mul(inverse).error;
    }
    // Whatever maximum was subtracted is added again: an error in it cancels, errors in scores are in `relative`.
    lseError[(b * H + h) * T + i] = new Approx(total, totalError).log().add(highest).error;
  }
  return { outError, lseError };
}

/** Bounds of dqkv and of dots for the backward kernels, whose out, lse and dout are given. */
function backwardErrors(
  shape: AttentionShape,
  qkv: Float64Array,
  dout: Float64Array,
  out: Float64Array,
  lse: Float64Array,
) {
  const { context: T, heads: H, headSize: D } = shape;
  const { q, k, v, outAt } = views(shape, qkv);
  const error = new Float64Array(qkv.length);
  const errors = views(shape, error);
  const dotsError = new Float64Array(lse.length);
  const scale = 1 / Math.sqrt(D);
  for (const { b, h, i } of rowsOf(shape)) {
    const row = (b * H + h) * T + i;
    const at = outAt(b, h, i);
    const dO = dout.subarray(at, at + D);
    const o = out.subarray(at, at + D);
    dotsError[row] = gamma(D) * absoluteDot(o, dO);
    const delta = new Approx(dot(o, dO), dotsError[row]!);
    for (let j = 0; j <= i; j++) {
      const probability = score(q(b, h, i), k(b, h, j))
        .sub(lse[row]!)
        .exp();
      const vj = v(b, h, j);
      const dprobability = new Approx(dot(dO, vj), gamma(D) * absoluteDot(dO, vj));
      const dscore = probability.mul(dprobability.sub(delta));
      // T products and sums, then the rounded scale and its product.
      const grown = gamma(T + 2);
      for (let d = 0; d < D; d++) {
        const dqTerm = dscore.error + grown * dscore.magnitude;
        errors.q(b, h, i)[d]! += scale * Math.abs(k(b, h, j)[d]!) * dqTerm;
        errors.k(b, h, j)[d]! += scale * Math.abs(q(b, h, i)[d]!) * dqTerm;
        errors.v(b, h, j)[d]! += Math.abs(dO[d]!) * (probability.error + grown * probability.magnitude);
      }
    }
  }
  return { error, dotsError };
}

export async function checkAttention(
  fixture: KernelFixture,
  target: Target,
  format: FormatId,
  shapes: readonly AttentionShape[],
  { gradient = 1 } = {},
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const found = run.found();
  const plans = shapes.map((shape) => {
    const { batch: B, context: T, heads: H, headSize: D } = shape;
    const reference = { B, T, H, D };
    const count = B * T * H * D;
    const qkv = run.input('qkv', format, normal(3 * count, 1));
    const known = forwardOracle(run.values(qkv), reference);
    const oracle = {
      out: run.input('oracle out', format, known.out),
      lse: run.input('oracle lse', 'f32', known.lse),
    };
    return {
      shape,
      reference,
      qkv,
      known,
      oracle,
      out: run.output('out', format, count),
      lse: run.output('lse', 'f32', B * H * T),
      dout: run.input('dout', format, normal(count, 2, gradient)),
      dots: run.output('dots', 'f32', B * H * T),
      dqkv: run.output('dqkv', format, 3 * count),
      label: `attention ${B}x${T}x${H}x${D}`,
    };
  });
  await run.run(
    plans.flatMap(({ shape, label, qkv, out, lse, oracle, dout, dots, dqkv }) => [
      attentionForward(target, { label, found, qkv, shape, out, lse }),
      // Backward starts from what the oracle saved, so that its own error is what is seen.
      ...attentionBackward(target, { label, found, qkv, shape, ...oracle, dout, dots, dqkv }),
    ]),
  );
  if (run.overflow() !== null) throw new Error(`${run.overflow()} reported an overflow`);
  return plans.flatMap(({ shape, reference, qkv, known, oracle, out, lse, dout, dots, dqkv, label }) => {
    const [x, d, o, l] = [run.values(qkv), run.values(dout), run.values(oracle.out), run.values(oracle.lse)];
    const forward = forwardErrors(shape, x, known.out, known.lse);
    const backward = backwardErrors(shape, x, d, o, l);
    const expected = backwardOracle(d, x, o, l, reference);
    return [
      compareStored('out', format, run.read(out), known.out, (i) => forward.outError[i]!),
      compareStored('lse', 'f32', run.read(lse), known.lse, (i) => forward.lseError[i]!),
      compareStored(
        'dots',
        'f32',
        run.read(dots),
        attentionDelta(d, o, reference),
        (i) => backward.dotsError[i]!,
      ),
      compareStored('dqkv', format, run.read(dqkv), expected, (i) => backward.error[i]!),
    ].map((comparison) => ({ ...comparison, of: label }));
  });
}
