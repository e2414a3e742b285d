/** Sharpness of each row against the f64 oracle. */
import type { Target } from '../../../src/engine/gpu/operation.ts';
import { logitSharpness, SHARPNESS_WIDTH } from '../../../src/engine/kernels/rows.ts';
import { SHARPNESS_EPSILON } from '../../../src/engine/model/layers/head.ts';
import { crossEntropy, logitSharpness as oracle } from '../../../src/engine/reference/sharpness.ts';
import { type Comparison, compareExact, compareStored } from './bounds.ts';
import { indices, normal } from './inputs.ts';
import { fromSlices, LOSS_SHAPES, toSlices } from './lossCase.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

const HALF_ULP = 2 ** -24;

export async function checkSharpness(fixture: KernelFixture, target: Target): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const plans = LOSS_SHAPES.map((shape) => {
    const { rows, vocabulary, paddedVocabulary, spread } = shape;
    // Padded logits would win every maximum and sum.
    const values = normal(rows * paddedVocabulary, 1, spread).map((x, i) =>
      i % paddedVocabulary < vocabulary ? x : 1e30,
    );
    const ids = indices(rows, 2, vocabulary);
    const logits = run.input('logits', 'f32', toSlices(values, shape));
    const targets = run.codes('targets', 'u32', ids);
    const out = run.output('sharpness', 'f32', rows * SHARPNESS_WIDTH);
    return { ...shape, ids, logits, targets, out, label: 'sharpness', epsilon: SHARPNESS_EPSILON };
  });
  await run.run(plans.map((plan) => logitSharpness(target, plan)));
  return plans.flatMap((plan) => {
    const { rows, vocabulary: V, paddedVocabulary: Vp, ids } = plan;
    const x = fromSlices(run.values(plan.logits), plan);
    const stored = run.read(plan.out);
    const column = (of: number) => Float64Array.from({ length: rows }, (_, row) => stored[row * 4 + of]!);
    const rowOf = (row: number) => x.slice(row * Vp, row * Vp + V);
    const phi = ([1, 2] as const).map((times, i) => {
      const epsilon = times * SHARPNESS_EPSILON;
      const expected = oracle(x, ids, rows, V, epsilon, Vp);
      const error = (row: number) => errorOf(rowOf(row), ids[row]!, epsilon, expected[row]!);
      return compareStored(`sharpness at ${epsilon}`, 'f32', column(i), expected, error);
    });
    const largest = Float64Array.from({ length: rows }, (_, row) => Math.max(...rowOf(row).map(Math.abs)));
    return [...phi, compareExact('largest logit', column(2), largest)];
  });
}

/**
 * Bound on the f32 error of one row's sharpness. WGSL's exp(t) is within 3 + 2 |t| units in the last place, log within 2^-21
 * or 3 units, a division within 2.5; the series and their products take 12 roundings each at most.
 */
function errorOf(x: Float64Array, target: number, epsilon: number, phi: number): number {
  const highest = Math.max(...x);
  let [sum, sumError, terms, termError] = [0, 0, 0, 0];
  for (const [j, value] of x.entries()) {
    const distance = highest - value;
    const weight = Math.exp(-distance);
    const weightError = weight * (2 * (3 + 2 * distance) + distance) * HALF_ULP;
    const term = Math.abs(Math.expm1((j === target ? -1 : 1) * epsilon * (Math.abs(value) + 1)));
    sum += weight;
    sumError += weightError;
    terms += weight * term;
    termError += weightError * term + 12 * HALF_ULP * weight * term;
  }
  sumError += x.length * HALF_ULP * sum;
  termError += x.length * HALF_ULP * terms;
  const share = terms / sum;
  const shareError = (termError + share * sumError) / sum + 5 * HALF_ULP * share;
  const down = epsilon * (Math.abs(x[target]!) + 1);
  const loss = crossEntropy(x, target);
  const rise = (phi * (1 + loss)) / 100;
  // The slope of log(1 + s) is below 1.2 for the s of these epsilons.
  const riseError = 1.2 * shareError + HALF_ULP * (12 * share + 4 * down + rise);
  const log = Math.log(sum);
  const magnitude = Math.abs(highest) + Math.abs(x[target]!) + log + loss;
  const lossError = Math.max(2 ** -21, 6 * HALF_ULP * log) + sumError / sum + 2 * HALF_ULP * magnitude;
  return (100 * riseError) / (1 + loss) + phi * (lossError / (1 + loss) + 8 * HALF_ULP);
}
