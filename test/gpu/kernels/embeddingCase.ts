/** Embeddings and column sums against the f64 oracle. */
import { streamOf } from '../../../src/engine/core/rng.ts';
import type { Target } from '../../../src/engine/gpu/operation.ts';
import { formatOf } from '../../../src/engine/gpu/tensor.ts';
import { windowWords } from '../../../src/engine/kernels/attentionOptions.ts';
import { dropoutBackward } from '../../../src/engine/kernels/dropout.ts';
import {
  embeddingBackwardPosition,
  embeddingBackwardToken,
  embeddingForward,
  segmentElements,
} from '../../../src/engine/kernels/embedding.ts';
import { columnSum, rowBlocks } from '../../../src/engine/kernels/rows.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import type { Recipe } from '../../../src/engine/precision/recipes.ts';
import { dropped } from '../../../src/engine/reference/dropout.ts';
import {
  columnSum as columnSumOracle,
  embeddingBackward,
  embeddingForward as forwardOracle,
} from '../../../src/engine/reference/ops.ts';
import { gamma, ULP } from './approx.ts';
import { type Comparison, compareStored } from './bounds.ts';
import { indices, normal } from './inputs.ts';
import { rolesOf } from './modes.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

const B = 3;
const T = 13;
const C = 20;
const V = 11;
/** Rows of the table; those from V on belong to no token. */
const PADDED_V = 16;

export async function checkEmbedding(
  fixture: KernelFixture,
  target: Target,
  recipe: Recipe,
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const found = run.found();
  const roles = rolesOf(recipe);
  const rows = B * T;
  const ids = indices(rows, 1, V);
  const order = Array.from(ids.keys()).sort((i, j) => ids[i]! - ids[j]! || i - j);
  const starts = Array.from({ length: PADDED_V + 1 }, (_, token) => ids.filter((id) => id < token).length);
  const tokens = run.codes('tokens', 'u32', ids);
  const tokenWeight = run.input('wte', roles.master, normal(PADDED_V * C, 2));
  const positionWeight = run.input('wpe', roles.master, normal(T * C, 3));
  const out = run.output('out', roles.residual, rows * C);
  const dout = run.input('dout', roles.residualGradient, normal(rows * C, 4));
  const dwte = run.input('dwte', roles.gradient, normal(PADDED_V * C, 5));
  const dwpe = run.input('dwpe', roles.gradient, normal(T * C, 6));
  const windows = Array.from({ length: B }, (_, index) => ({ seed: 99, index }));
  const table = run.codes('windows', 'u32', windowWords(windows, { context: T, keys: T }));
  const dropout = { rate: 1 / 3, stream: streamOf('embedding'), context: T, windows: table };
  const droppedOut = run.output('dropped out', roles.residual, rows * C);
  const droppedGradient = run.output('dropped gradient', roles.residualGradient, rows * C);
  const rounded = run.output('rounded gradient', roles.outputGradient, rows * C);
  const common = { found, width: C, label: 'embedding' };
  const wholeTable = { firstToken: 0 };
  await run.run([
    ...[{ out }, { out: droppedOut, dropout }].map((how) =>
      embeddingForward(target, {
        ...{ ...common, ...wholeTable, tokens, tokenWeight, positionWeight, rows, context: T, ...how },
        tokenRows: PADDED_V,
      }),
    ),
    dropoutBackward(target, { ...common, dout, dinp: droppedGradient, rounded, dropout, rows }),
    ...embeddingBackwardToken(target, {
      ...common,
      ids: tokens,
      starts: run.codes('starts', 'u32', starts),
      positions: run.codes('positions', 'u32', order),
      dout,
      dweight: dwte,
      partials: run.output('partials', 'f32', segmentElements(rows, C)),
      ...wholeTable,
      ...{ tokens: PADDED_V, rows },
    }),
    embeddingBackwardPosition(target, { ...common, dout, dweight: dwpe, batch: B, context: T }),
  ]);
  if (run.overflow() !== null) throw new Error(`${run.overflow()} reported an overflow`);

  const expected = forwardOracle(ids, run.values(tokenWeight), run.values(positionWeight), B, T, C);
  const d = run.values(dout);
  const oracle = embeddingBackward(d, ids, B, T, C, PADDED_V);
  const magnitudes = embeddingBackward(d.map(Math.abs), ids, B, T, C, PADDED_V);
  const counts = Array.from({ length: PADDED_V }, (_, token) => ids.filter((id) => id === token).length);
  const [oldToken, oldPosition] = [run.values(dwte), run.values(dwpe)];
  const drop = (values: Float64Array) => dropped(dropout.rate, { T, windows }, 'embedding', values, C);
  const [expectedDropped, expectedGradient] = [drop(expected), drop(d)];
  return [
    compareStored('forward', formatOf(out), run.read(out), expected, (i) => ULP * Math.abs(expected[i]!)),
    // The sum, the factor and the product are rounded.
    compareStored(
      'dropped forward',
      formatOf(out),
      run.read(droppedOut),
      expectedDropped,
      (i) => gamma(3) * Math.abs(expectedDropped[i]!),
    ),
    compareStored(
      'dropped gradient',
      formatOf(droppedGradient),
      run.read(droppedGradient),
      expectedGradient,
      (i) => gamma(2) * Math.abs(expectedGradient[i]!),
    ),
    compareStored(
      'its rounded copy',
      formatOf(rounded),
      run.read(rounded),
      run.read(droppedGradient),
      () => 0,
    ),
    compareStored(
      'token gradient',
      formatOf(dwte),
      run.read(dwte),
      oracle.dwte.map((value, i) => value + oldToken[i]!),
      (i) => gamma(counts[Math.floor(i / C)]!) * (magnitudes.dwte[i]! + Math.abs(oldToken[i]!)),
    ),
    compareStored(
      'position gradient',
      formatOf(dwpe),
      run.read(dwpe),
      oracle.dwpe.map((value, i) => value + oldPosition[i]!),
      (i) => gamma(B) * (magnitudes.dwpe[i]! + Math.abs(oldPosition[i]!)),
    ),
  ];
}

/**
 * Tokens of sorted positions, by how often each occurs: within a segment of 32; up to its end; from its beginning to its end;
 * over two boundaries and whole segments; never; once. Then one token alone, whose positions end with a segment and do not, and
 * so many rows that segments are longer.
 */
const OCCURRENCES = [[5, 27, 32, 100, 0, 3, 1, 200, 9], [64], [33], [1], [4100, 4200, 1]] as const;

/** The gradient of the token embedding where sums are split, in one slice of the vocabulary and in two. */
export async function checkSplitTokenGradient(
  fixture: KernelFixture,
  target: Target,
  douts: FormatId,
  gradients: FormatId,
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const found = run.found();
  const plans = OCCURRENCES.flatMap((counts) => {
    const sorted = counts.flatMap((count, token) => new Array<number>(count).fill(token));
    const rows = sorted.length;
    const order = Array.from(normal(rows, 1), (key, i) => [key, i] as const);
    order.sort(([a], [b]) => a - b);
    // A row of each sorted position, ascending within a token as the batch lists them.
    const ids = order.map(([, i]) => sorted[i]!);
    const positions = Array.from(ids.keys()).sort((i, j) => ids[i]! - ids[j]! || i - j);
    const starts = Array.from({ length: PADDED_V + 1 }, (_, token) =>
      counts.slice(0, token).reduce<number>((sum, count) => sum + count, 0),
    );
    const tensors = {
      ids: run.codes('tokens', 'u32', ids),
      starts: run.codes('starts', 'u32', starts),
      positions: run.codes('positions', 'u32', positions),
      dout: run.input('dout', douts, normal(rows * C, 4)),
    };
    return [[PADDED_V], [4, PADDED_V - 4]].map((slices) => ({
      ...{ counts, ids, rows, slices, tensors },
      partials: run.output('partials', 'f32', segmentElements(rows, C)),
      dweights: slices.map((tokens, i) => run.input(`dwte ${i}`, gradients, normal(tokens * C, 5 + i))),
    }));
  });
  await run.run(
    plans.flatMap(({ tensors, partials, dweights, slices, rows }) =>
      slices.flatMap((tokens, i) => {
        const firstToken = slices.slice(0, i).reduce((sum, count) => sum + count, 0);
        const slice = { dweight: dweights[i]!, firstToken, tokens };
        const operations = embeddingBackwardToken(target, {
          ...{ ...tensors, partials, ...slice, rows, width: C, found, label: 'token gradient' },
        });
        if (operations.length !== 2) throw new Error('the sums are not split');
        return operations;
      }),
    ),
  );
  if (run.overflow() !== null) throw new Error(`${run.overflow()} reported an overflow`);
  return plans.map(({ counts, ids, rows, slices, tensors, dweights }) => {
    const d = run.values(tensors.dout);
    const oracle = embeddingBackward(d, ids, 1, rows, C, PADDED_V).dwte;
    const magnitudes = embeddingBackward(d.map(Math.abs), ids, 1, rows, C, PADDED_V).dwte;
    const old = dweights.flatMap((dweight) => [...run.values(dweight)]);
    const stored = dweights.flatMap((dweight) => [...run.read(dweight)]);
    const comparison = compareStored(
      'token gradient',
      gradients,
      stored,
      oracle.map((value, i) => value + old[i]!),
      // Each position is added once, and each sum of a segment.
      (i) => {
        const count = counts[Math.floor(i / C)] ?? 0;
        return gamma(2 * count) * (magnitudes[i]! + Math.abs(old[i]!));
      },
    );
    return { ...comparison, of: `${rows} positions in ${slices.length} slices` };
  });
}

/** One row, fewer rows than a block has, several blocks with a ragged last one; more columns than a workgroup covers. */
const SUM_SHAPES = [
  { rows: 1, width: 4 },
  { rows: 37, width: 20 },
  { rows: 133, width: 264 },
] as const;

export async function checkColumnSum(
  fixture: KernelFixture,
  target: Target,
  inpFormat: FormatId,
  outFormat: FormatId,
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const found = run.found();
  const plans = SUM_SHAPES.map(({ rows, width }) => {
    const inp = run.input('inp', inpFormat, normal(rows * width, 1));
    const out = run.input('out', outFormat, normal(width, 2));
    const partials = run.output('partials', 'f32', rowBlocks(rows) * width);
    return { rows, width, inp, out, partials };
  });
  await run.run(
    plans.flatMap((plan) =>
      columnSum(target, { ...plan, found, label: `column sum ${plan.rows}x${plan.width}` }),
    ),
  );
  if (run.overflow() !== null) throw new Error(`${run.overflow()} reported an overflow`);
  return plans.map(({ rows, width, inp, out }) => {
    const x = run.values(inp);
    const old = run.values(out);
    const expected = columnSumOracle(x, rows, width).map((value, c) => value + old[c]!);
    const magnitudes = columnSumOracle(x.map(Math.abs), rows, width);
    return compareStored('sums', outFormat, run.read(out), expected, (c) => {
      return gamma(rows + rowBlocks(rows)) * (magnitudes[c]! + Math.abs(old[c]!));
    });
  });
}
