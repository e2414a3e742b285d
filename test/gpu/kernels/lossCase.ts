/** Cross entropy and the sum of losses against the f64 oracle. */
import type { Target } from '../../../src/engine/gpu/operation.ts';
import { crossEntropy, LOSS_SUM_WORDS, type LossOptions, lossSum } from '../../../src/engine/kernels/rows.ts';
import { initialStepState, readStepState } from '../../../src/engine/kernels/stepState.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import {
  crossEntropyBackward,
  crossEntropyForward,
  softCapBackward,
} from '../../../src/engine/reference/ops.ts';
import { Approx, approx, gamma, sum } from './approx.ts';
import { type Comparison, compareReplayed, compareStored } from './bounds.ts';
import { indices, normal } from './inputs.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

export interface LossShape {
  readonly rows: number;
  readonly vocabulary: number;
  readonly paddedVocabulary: number;
  readonly sliceColumns: number;
  readonly spread: number;
}

/** No padding, padding that ends within a vector, more than one vector a lane, two slices; flat and very peaked rows. */
export const LOSS_SHAPES: readonly LossShape[] = [
  { rows: 1, vocabulary: 128, paddedVocabulary: 128, sliceColumns: 128, spread: 1 },
  { rows: 37, vocabulary: 65, paddedVocabulary: 128, sliceColumns: 128, spread: 3 },
  { rows: 5, vocabulary: 301, paddedVocabulary: 384, sliceColumns: 384, spread: 30 },
  { rows: 5, vocabulary: 301, paddedVocabulary: 384, sliceColumns: 256, spread: 3 },
  { rows: 3, vocabulary: 1, paddedVocabulary: 128, sliceColumns: 128, spread: 1 },
];

/** (rows, Vp) as the kernel takes it: slices one after the other. */
export function toSlices(values: ArrayLike<number>, shape: LossShape): Float64Array {
  const placed = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) placed[placeOf(i, shape)] = values[i]!;
  return placed;
}

export function fromSlices(values: ArrayLike<number>, shape: LossShape): Float64Array {
  return Float64Array.from(
    { length: shape.rows * shape.paddedVocabulary },
    (_, i) => values[placeOf(i, shape)]!,
  );
}

function placeOf(i: number, { rows, paddedVocabulary: Vp, sliceColumns }: LossShape): number {
  const row = Math.floor(i / Vp);
  const column = i % Vp;
  const first = column - (column % sliceColumns);
  return first * rows + row * Math.min(sliceColumns, Vp - first) + column - first;
}

/** With a cap the logits are below it, as the matmul makes them. */
function cappedAt(softCap: number, x: number): number {
  return softCap === 0 ? x : softCap * Math.tanh(x / softCap);
}

/** @param dlogitsFormat null for the forward kernel of an evaluation */
export async function checkCrossEntropy(
  fixture: KernelFixture,
  target: Target,
  dlogitsFormat: FormatId | null,
  lossScale = 2 ** 10,
  options: LossOptions = { zLoss: 0, softCap: 0 },
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const found = run.found();
  const state = run.bytes('state', initialStepState(lossScale));
  const plans = LOSS_SHAPES.map((shape) => {
    const { rows, vocabulary, paddedVocabulary, spread } = shape;
    // Padded logits are whatever the padded rows of the head make of them; here they would win every maximum.
    const values = normal(rows * paddedVocabulary, 1, spread).map((x, i) =>
      i % paddedVocabulary < vocabulary ? cappedAt(options.softCap, x) : 1e30,
    );
    const ids = indices(rows, 2, vocabulary);
    return {
      ...shape,
      ids,
      logits: run.input('logits', 'f32', toSlices(values, shape)),
      targets: run.codes('targets', 'u32', ids),
      losses: run.output('losses', 'f32', rows),
      dlogits: dlogitsFormat && run.output('dlogits', dlogitsFormat, rows * paddedVocabulary),
      logZ: options.zLoss > 0 && dlogitsFormat ? run.output('log Z', 'f32', rows) : undefined,
    };
  });
  const tokens = 96;
  await run.run(
    plans.map(({ dlogits, logZ, ...plan }) =>
      crossEntropy(target, {
        ...plan,
        ...(dlogits && { backward: { dlogits, state, lossTokens: tokens, logZ, ...options } }),
        found,
        label: `loss ${plan.rows}x${plan.vocabulary}`,
      }),
    ),
  );
  if (run.overflow() !== null) throw new Error(`${run.overflow()} reported an overflow`);
  return plans.flatMap((plan) => {
    const { rows, vocabulary: V, paddedVocabulary: Vp, ids, logits, losses, dlogits, logZ } = plan;
    const x = fromSlices(run.values(logits), plan);
    const oracle = crossEntropyForward(x, ids, rows, V, Vp);
    const replayed: Approx[] = [];
    const replayedLogZ: Approx[] = [];
    const replayedGradient: Approx[] = [];
    const inverseTokens = Approx.rounded(1 / tokens);
    const { zLoss, softCap } = options;
    for (let row = 0; row < rows; row++) {
      const real = x.subarray(row * Vp, row * Vp + V);
      const highest = Math.max(...real);
      const exps = [...real].map((value) => approx(value).sub(highest).exp());
      const total = onlineSum(real, highest, target.lanes);
      replayed.push(total.log().add(highest).sub(real[ids[row]!]!));
      replayedLogZ.push(total.log().add(highest));
      const inverse = approx(1).div(total);
      const share =
        zLoss > 0
          ? Approx.rounded(2 * zLoss)
              .mul(total.log().add(highest))
              .add(1)
          : approx(1);
      for (let v = 0; v < Vp; v++) {
        const onehot = v === ids[row] ? 1 : 0;
        if (v >= V) {
          replayedGradient.push(approx(0));
          continue;
        }
        const probability = exps[v]!.mul(inverse);
        const slope = (zLoss > 0 ? probability.mul(share) : probability).sub(onehot);
        const ofCap = softCap > 0 && approx(real[v]!).mul(Approx.rounded(1 / softCap));
        const gradient = ofCap ? slope.mul(approx(1).sub(ofCap.mul(ofCap))) : slope;
        replayedGradient.push(gradient.mul(inverseTokens).mul(lossScale));
      }
    }
    const comparisons = [compareReplayed('losses', 'f32', run.read(losses), oracle.losses, replayed)];
    if (logZ) comparisons.push(compareReplayed('log Z', 'f32', run.read(logZ), oracle.lse, replayedLogZ));
    if (dlogits && dlogitsFormat) {
      const slopes = crossEntropyBackward(
        ...([x, ids, oracle.lse, rows, V, lossScale, tokens, Vp, options.zLoss] as const),
      );
      const expected = softCapBackward(slopes, x, options.softCap).map((d, i) => (i % Vp < V ? d : 0));
      comparisons.push(
        compareReplayed(
          'dlogits',
          dlogitsFormat,
          fromSlices(run.read(dlogits), plan),
          expected,
          replayedGradient,
        ),
      );
    }
    return comparisons;
  });
}

/** The sum of exp(x - highest) as the lanes of a row find it, each under the largest value that it has met. */
function onlineSum(real: Float64Array, highest: number, lanes: number): Approx {
  const sums = Array.from({ length: lanes }, (_, lane) => {
    let largest = Number.NEGATIVE_INFINITY;
    let totals = [0, 0, 0, 0].map((zero) => approx(zero));
    for (let first = 4 * lane; first < real.length; first += 4 * lanes) {
      const four = real.subarray(first, first + 4);
      const next = Math.max(largest, ...four);
      if (next > largest) {
        const factor = largest > Number.NEGATIVE_INFINITY ? approx(largest).sub(next).exp() : approx(0);
        totals = totals.map((total) => total.mul(factor));
        largest = next;
      }
      totals = totals.map((total, c) =>
        c < four.length ? total.add(approx(four[c]!).sub(next).exp()) : total,
      );
    }
    if (largest === Number.NEGATIVE_INFINITY) return approx(0);
    return sum(totals).mul(approx(largest).sub(highest).exp());
  });
  return sum(sums);
}

/** Rows of a micro-batch and micro-batches of a step; more than 4,096 rows are added in a second level. */
const SUMMED = [
  [1, 1],
  [1, 2],
  [37, 3],
  [256, 2],
  [1003, 4],
  [70_001, 1],
  [3, 4095],
] as const;

/** The loss of a step is the sum over micro-batches of sums over rows / tokens; it knows no scale. */
export async function checkLossSum(fixture: KernelFixture): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const comparisons: (() => Comparison)[] = [];
  const operations = SUMMED.flatMap(([rows, count]) => {
    const state = run.bytes('state', initialStepState(2 ** 16));
    const sums = run.zeros('sums', 'u32', LOSS_SUM_WORDS);
    const seeds = Math.min(count, 4);
    const batches = Array.from({ length: seeds }, (_, seed) =>
      run.input('losses', 'f32', normal(rows, seed + 1).map(Math.abs)),
    );
    const lossTokens = count * rows;
    comparisons.push(() => {
      let expected = 0;
      for (let i = 0; i < count; i++) {
        for (const loss of run.values(batches[i % seeds]!)) expected += loss / lossTokens;
      }
      const { lossSum: actual } = readStepState(run.bytesOf(state));
      if (run.read(mean)[0] !== actual) throw new Error('the mean of log Z is summed otherwise');
      // Runs of 16 and their sum, the tree over 256 lanes, the parameter 1 / tokens and its product; then carries, and the
      // sum of the levels, of which there are as many as bits in the number of micro-batches.
      const bits = Math.ceil(Math.log2(count + 1));
      const additions = Math.min(16, rows) + Math.ceil(rows / 4096) + 8 + 2 + 2 * bits;
      return compareStored('loss', 'f32', [actual], [expected], () => gamma(additions) * expected);
    });
    const mean = run.output('mean', 'f32', 4);
    const sumsOfMean = run.zeros('sums of the mean', 'u32', LOSS_SUM_WORDS);
    return Array.from({ length: count }, (_, i) => ({
      losses: batches[i % seeds]!,
      rows,
      lossTokens,
    })).flatMap((given) => [
      lossSum({ ...given, sums, state }),
      lossSum({ ...given, sums: sumsOfMean, mean }),
    ]);
  });
  await run.run(operations);
  return comparisons.map((compare) => compare());
}
