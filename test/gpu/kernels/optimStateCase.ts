/** AdamW with moments that are scaled, expanded or rounded stochastically, and with clipped updates, against the f64 oracle. */

import { randomBits } from '../../../src/engine/core/rng.ts';
import type { Operation, Target } from '../../../src/engine/gpu/operation.ts';
import type { Tensor } from '../../../src/engine/gpu/tensor.ts';
import {
  adamw,
  adamwPrepare,
  adamwStatistics,
  PARAMETER_STATE_WORDS,
  statisticsGroups,
} from '../../../src/engine/kernels/optimizers/adamw.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import {
  MOMENT_GROUP,
  type MomentFormats,
  momentsOf,
  type OptimState,
} from '../../../src/engine/precision/optimStates.ts';
import { type MasterRounding, recipeOf } from '../../../src/engine/precision/recipes.ts';
import {
  contract,
  expand,
  type MomentGroup,
  momentGroup,
  momentScale,
  roundAboveZero,
  roundStochastically,
  stepSeed,
} from '../../../src/engine/reference/moments.ts';
import { decodeBits, roundTo } from '../../../src/engine/reference/rounding.ts';
import { Approx, approx, sum, ULP } from './approx.ts';
import { type Comparison, compareReplayed, compareStored, type Rounding } from './bounds.ts';
import { normal } from './inputs.ts';
import { adamwState } from './optimizerCase.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

const ELEMENTS = 768;
const OPTIONS = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 } as const;
const RATE = 1e-3;
const SEED = 77;
/** Of the chunk: not its beginning, so that groups and random bits must be counted from there. */
const FIRST = 256;

/** Gradients in six groups: usual, all zero, all equal, one that is not zero, an outlier, a wide range. */
function gradients(seed: number): Float64Array {
  const values = normal(ELEMENTS, seed, 0.01);
  return values.map((x, i) => {
    const group = Math.floor(i / MOMENT_GROUP);
    if (group === 1) return 0;
    if (group === 2) return 2 ** -7;
    if (group === 3) return i % MOMENT_GROUP === 5 ? 1e-6 : 0;
    if (group === 4) return i % MOMENT_GROUP === 9 ? 1e3 : x;
    return group === 5 ? x * 2 ** ((i % 40) - 30) : x;
  });
}

/** What a step starts from and leaves. */
interface Stored {
  readonly m: readonly number[];
  readonly v: readonly number[];
  /** (largest m, k of m, largest v, k of v) a group, behind those of the chunk before `FIRST`. */
  readonly groups: Float32Array;
  readonly parameterState: Float32Array;
}

const START: Stored = {
  m: new Array<number>(ELEMENTS).fill(0),
  v: new Array<number>(ELEMENTS).fill(0),
  groups: new Float32Array((4 * (FIRST + ELEMENTS)) / MOMENT_GROUP),
  parameterState: new Float32Array(PARAMETER_STATE_WORDS),
};

function groupAt({ groups }: Stored, i: number, moment: 0 | 1): MomentGroup {
  const at = 4 * Math.floor((FIRST + i) / MOMENT_GROUP) + 2 * moment;
  return { largest: groups[at]!, k: groups[at + 1]! };
}

/** Error of log2 near 1 and elsewhere, of a quotient that is wrong by 2.5 ulp: WGSL's accuracies. */
function log2Error(x: number): number {
  return (2.5 * ULP) / Math.LN2 + Math.max(2 ** -21, 3 * ULP * Math.abs(Math.log2(x)));
}

/** Relative error of exp2(y) where y is wrong by `error`, times another number. */
function exp2Error(y: number, error: number): number {
  return Math.LN2 * (error + 2.5 * ULP * Math.abs(y)) + (4 + 2 * Math.abs(y)) * ULP;
}

/** A stored moment as the kernel reads it. */
function momentAt(stored: Stored, moments: MomentFormats, i: number, moment: 0 | 1): Approx {
  const code = (moment === 0 ? stored.m : stored.v)[i]!;
  const q = decodeBits(moment === 0 ? moments.firstMoment : moments.secondMoment, code);
  if (moments.scale === 'parameter') {
    const scale = stored.parameterState[2 + moment]!;
    const value = q === 0 ? 0 : q / scale;
    // The reciprocal of another f32 is wrong by 2.5 ulp, and so is its product by half of one.
    return moments.scaleKind === 'f32' ? new Approx(value, 4 * ULP * Math.abs(value)) : approx(value);
  }
  if (moments.scale === 'none' || q === 0) return approx(q);
  const group = groupAt(stored, i, moment);
  const value = contract(q, group);
  const share = Math.abs(q) / 448;
  if (share === 1) return approx(value);
  const y = Math.log2(share) / group.k;
  return new Approx(value, Math.abs(value) * exp2Error(y, log2Error(share) / group.k));
}

/** v after a gradient. */
function squared(g: Approx, v: Approx): Approx {
  const share = Approx.rounded(1 - OPTIONS.beta2);
  return Approx.rounded(OPTIONS.beta2).mul(v).add(share.mul(g).mul(g));
}

/** h after a gradient, as the kernel computes it: the longer side times sqrt(1 + ratio^2). */
function hypotenuse(g: Approx, h: Approx): Approx {
  const a = Approx.rounded(1 - OPTIONS.beta1).mul(g.value < 0 ? approx(0).sub(g) : g);
  const b = Approx.rounded(Math.sqrt(OPTIONS.beta2)).mul(h);
  const [longer, shorter] = a.value > b.value ? [a, b] : [b, a];
  if (longer.value === 0) return longer;
  const ratio = shorter.div(longer);
  return longer.mul(ratio.mul(ratio).add(approx(1)).sqrt());
}

export interface OptimStateResult {
  readonly comparisons: readonly Comparison[];
  readonly stored: Stored;
  readonly clipped: boolean;
}

/**
 * One step from `before`, with everything that it leaves compared.
 * @param replaced gradients to take in place of the usual ones, by index
 */
export async function checkOptimState(
  fixture: KernelFixture,
  target: Target,
  optimState: OptimState,
  {
    clipUpdate = false,
    step,
    before = START,
    replaced = [],
  }: {
    clipUpdate?: boolean;
    step: number;
    before?: Stored;
    replaced?: readonly (readonly [number, number])[];
  },
): Promise<OptimStateResult> {
  const recipe = recipeOf('fp32');
  const moments = momentsOf(recipe, optimState);
  const run = new KernelRun(fixture);
  const given = gradients(step);
  for (const [i, value] of replaced) given[i] = value;
  const gradient = run.input('gradient', 'f32', given);
  const master = run.input('master', 'f32', normal(ELEMENTS, 20 + step, 0.1));
  const m = run.codes('m', moments.firstMoment, before.m);
  const v = run.codes('v', moments.secondMoment, before.v);
  const words = (name: string, values: Float32Array): Tensor => run.bytes(name, values.slice().buffer);
  const groups = moments.scale === 'group' ? words('groups', before.groups) : undefined;
  const parameterStates = words('parameter state', before.parameterState);
  const partials = run.zeros('partials', 'f32', 4 * statisticsGroups(ELEMENTS));
  const [bias1, bias2] = [1 / (1 - OPTIONS.beta1 ** step), 1 / Math.sqrt(1 - OPTIONS.beta2 ** step)];
  // Gradients that grow by eight make an update that StableAdamW clips.
  const factor = 8 ** (step - 2) * 0.7;
  const state = run.bytes(
    'state',
    adamwState({
      ...{ apply: true, applied: step, gradFactor: factor, learningRate: RATE },
      ...{ biasCorrection1: bias1, biasCorrection2: bias2 },
    }),
  );
  const wholeParameters = clipUpdate || moments.scale === 'parameter';
  const whole = wholeParameters ? { parameterStates, index: 0 } : undefined;
  const args = {
    ...{ gradient, master, m, v, groups, moments, state, whole, rateFactor: 1, ...OPTIONS },
    ...{ first: FIRST, elements: ELEMENTS, decayedElements: ELEMENTS, seed: SEED },
    ...{ masterRounding: 'nearest' as MasterRounding, label: 'adamw' },
  };
  const operations: Operation[] = [adamw(target, args)];
  if (whole) {
    operations.unshift(
      adamwStatistics(target, { ...args, whole, partials, partial: 0 }),
      adamwPrepare({
        ...{ whole, state, partials, partial: 0, count: statisticsGroups(ELEMENTS), size: ELEMENTS },
        ...{ clipUpdate, scaled: moments.scale === 'parameter' ? moments : undefined, label: 'prepare' },
      }),
    );
  }
  await run.run(operations);

  const stored: Stored = {
    m: Array.from(run.codesOf(m)),
    v: Array.from(run.codesOf(v)),
    groups: groups ? new Float32Array(run.bytesOf(groups)) : before.groups,
    parameterState: new Float32Array(run.bytesOf(parameterStates)),
  };
  const [g, w] = [run.values(gradient), run.values(master)];
  const constant = Approx.rounded;
  const squares: Approx[] = [];
  const fresh = Array.from({ length: ELEMENTS }, (_, i) => {
    const scaled = approx(g[i]!).mul(constant(factor));
    const first = constant(OPTIONS.beta1)
      .mul(momentAt(before, moments, i, 0))
      .add(constant(1 - OPTIONS.beta1).mul(scaled));
    const old = momentAt(before, moments, i, 1);
    const second = moments.hypot ? hypotenuse(scaled, old) : squared(scaled, old);
    const unit = constant(moments.hypot ? Math.sqrt(1 - OPTIONS.beta2) / (1 - OPTIONS.beta1) : 1);
    const root = moments.hypot ? second.mul(constant(bias2)) : second.sqrt().mul(constant(bias2));
    const inUnits = moments.hypot ? second.mul(unit).mul(constant(bias2)) : root;
    const update = scaled.div(inUnits.value > OPTIONS.epsilon ? inUnits : constant(OPTIONS.epsilon));
    squares.push(update.mul(update));
    const denominator = root.add(constant(OPTIONS.epsilon));
    const direction = first.mul(constant(bias1)).div(moments.hypot ? denominator.mul(unit) : denominator);
    return { first, second, direction };
  });
  const rms = sum(squares, 8)
    .mul(constant(1 / ELEMENTS))
    .sqrt();
  const clipped = clipUpdate && rms.value > 1;
  const rate = clipped ? constant(RATE).div(rms) : constant(RATE);
  const weights = fresh.map(({ direction }, i) => {
    const old = approx(w[i]!);
    const decay = constant(OPTIONS.weightDecay).mul(constant(RATE));
    return old.sub(decay.mul(old)).sub(rate.mul(direction));
  });
  const values = (numbers: readonly Approx[]) => numbers.map(({ value }) => value);
  const comparisons = [compareReplayed('weight', 'f32', run.read(master), values(weights), weights)];
  if (clipUpdate) {
    const [factorOfUpdate, measured] = stored.parameterState;
    comparisons.push(
      compareReplayed('rms', 'f32', [measured!], [rms.value], [rms]),
      compareStored('update factor', 'f32', [factorOfUpdate!], [1 / Math.max(1, measured!)], () => 4 * ULP),
    );
  }
  for (const moment of [0, 1] as const) {
    const numbers = fresh.map(({ first, second }) => (moment === 0 ? first : second));
    comparisons.push(...compareMoments(moment, numbers, moments, stored, step));
  }
  return { comparisons, stored, clipped };
}

function compareMoments(
  moment: 0 | 1,
  numbers: readonly Approx[],
  moments: MomentFormats,
  stored: Stored,
  step: number,
): Comparison[] {
  const what = moment === 0 ? 'm' : 'v';
  const format: FormatId = moment === 0 ? moments.firstMoment : moments.secondMoment;
  const codes = moment === 0 ? stored.m : stored.v;
  const expected = numbers.map(({ value }) => value);
  const actual = codes.map((code) => decodeBits(format, code));
  if (moments.scale === 'none') {
    const seed = stepSeed({ seed: SEED, first: FIRST }, step, 'moments');
    const stochastic: Rounding = (x, i) =>
      roundStochastically(x, randomBits(FIRST + i, seed), moment === 0 ? 0 : 16);
    const round = moments.rounding === 'stochastic' ? stochastic : format;
    return [compareReplayed(what, round, actual, expected, numbers)];
  }
  if (moments.scale === 'parameter') {
    const scale = stored.parameterState[2 + moment]!;
    const wanted = momentScale(Math.max(...expected.map(Math.abs)), format, moments.scaleKind);
    const narrow = moments.floor && moment === 1 ? roundAboveZero : roundTo;
    const round: Rounding = (x) => narrow(format, x * scale) / scale;
    // The largest moment of this step is wrong by a few ulp, and a division by 2.5 more.
    const error = moments.scaleKind === 'f32' ? 8 * ULP * wanted : 0;
    return [
      compareStored(`scale of ${what}`, 'f32', [scale], [wanted], () => error),
      compareReplayed(
        what,
        round,
        actual.map((q) => q / scale),
        expected,
        numbers,
      ),
    ];
  }
  const groups = Array.from({ length: ELEMENTS / MOMENT_GROUP }, (_, index) => {
    const first = index * MOMENT_GROUP;
    const members = numbers.slice(first, first + MOMENT_GROUP);
    return {
      record: groupAt(stored, first, moment),
      wanted: momentGroup(members.map(({ value }) => value)),
      error: Math.max(...members.map(({ error }) => error)),
    };
  });
  const round: Rounding = (x, i) => {
    const record = groupAt(stored, i, moment);
    return contract(roundTo('e4m3fn', expand(x, record)), record);
  };
  const error = (i: number): number => {
    const { largest, k } = groupAt(stored, i, moment);
    const { value, error: own } = numbers[i]!;
    const ratio = Math.max(2 ** -126, Math.abs(value) / Math.max(largest, 2 ** -126));
    const y = k * Math.log2(ratio);
    return own + (Math.abs(value) * exp2Error(y, k * log2Error(ratio))) / k;
  };
  return [
    compareStored(
      `largest ${what}`,
      'f32',
      groups.map(({ record }) => record.largest),
      groups.map(({ wanted }) => wanted.largest),
      (i) => groups[i]!.error,
    ),
    // k is rounded down to a sixteenth: at the edge of one, either side.
    compareStored(
      `k of ${what}`,
      (x) => Math.round(16 * x) / 16,
      groups.map(({ record }) => record.k),
      groups.map(({ wanted }) => wanted.k),
      () => 1 / 16,
    ),
    compareStored(
      what,
      round,
      actual.map((q, i) => contract(q, groupAt(stored, i, moment))),
      expected,
      error,
    ),
  ];
}

/** What stochastic rounding to bf16 made of 2^14 copies of each of `values`, as first moments of the step that they were the gradient of. */
export async function roundMany(
  fixture: KernelFixture,
  target: Target,
  values: readonly number[],
  draws: number,
): Promise<Float64Array[]> {
  const run = new KernelRun(fixture);
  const elements = values.length * draws;
  const gradient = run.input(
    'gradient',
    'f32',
    Float64Array.from({ length: elements }, (_, i) => values[Math.floor(i / draws)]!),
  );
  const [master, m, v] = (['f32', 'bf16', 'bf16'] as const).map((type, i) =>
    run.zeros(`tensor ${i}`, type, elements),
  ) as [Tensor, Tensor, Tensor];
  const state = run.bytes(
    'state',
    adamwState({
      ...{ apply: true, gradFactor: 1, learningRate: 0, biasCorrection1: 1, biasCorrection2: 1 },
    }),
  );
  await run.run([
    adamw(target, {
      ...{ gradient, master, m, v, state, elements, first: 0, decayedElements: 0, seed: SEED },
      ...{ moments: momentsOf(recipeOf('fp32'), 'bf16'), masterRounding: 'nearest', label: 'adamw' },
      ...{ beta1: 0, beta2: 0, epsilon: 1e-8, weightDecay: 0, rateFactor: 1 },
    }),
  ]);
  const rounded = run.read(m);
  return values.map((_, i) => rounded.subarray(i * draws, (i + 1) * draws));
}
