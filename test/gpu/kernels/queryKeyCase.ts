/** RoPE and QK-norm, forward and backward, against the f64 oracle. */
import type { Target } from '../../../src/engine/gpu/operation.ts';
import { formatOf } from '../../../src/engine/gpu/tensor.ts';
import type { AttentionShape } from '../../../src/engine/kernels/attentionOptions.ts';
import {
  gainPartials,
  queryKeyBackward,
  queryKeyForward,
  queryKeyGains,
} from '../../../src/engine/kernels/queryKey.ts';
import { angleTable } from '../../../src/engine/model/angles.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import {
  queryKeyBackward as backwardOracle,
  queryKeyForward as forwardOracle,
  type QueryKeyOptions,
} from '../../../src/engine/reference/queryKey.ts';
import { Approx, approx, sum } from './approx.ts';
import { type Comparison, compareReplayed } from './bounds.ts';
import { llamaConfig } from './decoderConfig.ts';
import { normal } from './inputs.ts';
import { type KernelFixture, KernelRun } from './runKernel.ts';

export interface QueryKeyCase {
  readonly format: FormatId;
  /** Of the gains' and of their gradients. */
  readonly parameters?: FormatId;
  readonly rope?: boolean;
  readonly norm?: boolean;
  readonly headSize: number;
  /** Place of the first row in its window, in the forward pass. */
  readonly place?: number;
}

const EPSILON = 1e-6;
const ROPE = { base: 10_000 };
/** Of several workgroups of lanes at every head size, and of blocks of gains that do not divide their rows. */
const SHAPE = { batch: 2, context: 19, heads: 4, keyValueHeads: 2 } as const;

export async function checkQueryKey(
  fixture: KernelFixture,
  target: Target,
  test: QueryKeyCase,
): Promise<Comparison[]> {
  const { format, parameters = 'f32', rope = true, norm: hasNorm = false, headSize, place = 0 } = test;
  const run = new KernelRun(fixture);
  const found = run.found();
  const shape: AttentionShape = { ...SHAPE, headSize };
  const { batch: B, context: T, heads: H, keyValueHeads: G } = SHAPE;
  const [D, heads, rows] = [headSize, H + 2 * G, B * T];
  const config = llamaConfig({ ...SHAPE, headSize, context: place + T });
  const angles = rope ? run.input('angles', 'f32', angleTable(config)) : undefined;
  const qGain = run.input('q gain', parameters, normal(D, 1));
  const kGain = run.input('k gain', parameters, normal(D, 2));
  const projected = run.input('projected', format, normal(rows * heads * D, 3));
  const stats = run.output('stats', 'f32', rows * (H + G));
  const qkv = hasNorm ? run.output('qkv', format, rows * heads * D) : projected;
  const position = place > 0 ? run.codes('position', 'u32', [place]) : undefined;
  const common = { label: 'queries and keys', found, shape, angles };
  const oracle: QueryKeyOptions = {
    rope: rope ? ROPE : null,
    norm: hasNorm ? { q: run.values(qGain), k: run.values(kGain), epsilon: EPSILON } : null,
  };
  const dqkv = run.input('dqkv', format, normal(rows * heads * D, 5));
  const dqGain = run.input('dq gain', parameters, normal(D, 7));
  const dkGain = run.input('dk gain', parameters, normal(D, 8));
  const givenStats = run.input('given stats', 'f32', rmsOf(run.values(projected), shape));
  const partials = run.output('partials', 'f32', gainPartials(shape));
  const normed = { inp: projected, stats: givenStats };
  await run.run([
    queryKeyForward(target, {
      ...{ ...common, qkv, position },
      ...(hasNorm && { norm: { inp: projected, qGain, kGain, stats, epsilon: EPSILON } }),
    }),
    ...(hasNorm ? queryKeyGains(target, { ...common, ...normed, dqkv, partials, dqGain, dkGain }) : []),
    queryKeyBackward(target, { ...common, dqkv, ...(hasNorm && { norm: { ...normed, qGain, kGain } }) }),
  ]);
  if (run.overflow() !== null) throw new Error(`${run.overflow()} reported an overflow`);

  const replay = new Replay(shape, oracle, config.context);
  const inp = run.values(projected);
  const comparisons = [
    compareReplayed(
      'forward',
      format,
      run.read(qkv),
      fromPlace(inp, shape, oracle, place),
      replay.forward(inp, place),
    ),
  ];
  const dout = run.values(dqkv);
  const back = backwardOracle(dout, inp, shapeOf(shape), oracle);
  const backward = replay.backward(dout, inp, run.values(givenStats));
  comparisons.push(compareReplayed('backward', format, run.read(dqkv), back.dqkv, backward.dqkv));
  if (!hasNorm) return comparisons;
  comparisons.push(compareReplayed('stats', 'f32', run.read(stats), rmsOf(inp, shape), replay.stats));
  for (const [name, tensor, oracleOf, terms] of [
    ['dq gain', dqGain, back.dq, backward.q],
    ['dk gain', dkGain, back.dk, backward.k],
  ] as const) {
    const before = run.values(tensor);
    comparisons.push(
      compareReplayed(
        name,
        formatOf(tensor),
        run.read(tensor),
        oracleOf.map((value, d) => value + before[d]!),
        // One more rounding for each block, and for what was there.
        terms.map((all, d) => sum([...all, approx(before[d]!)], 258)),
      ),
    );
  }
  return comparisons;
}

function shapeOf({ batch: B, context: T, heads: H, headSize: D, keyValueHeads: G = H }: AttentionShape) {
  return { B, T, H, D, G };
}

/** Offset of each head of q and k in packed qkv, and which it is. */
function* headsOf({ batch, context, heads, headSize, keyValueHeads = heads }: AttentionShape) {
  for (let token = 0; token < batch * context; token++) {
    for (let head = 0; head < heads + keyValueHeads; head++) {
      const at = (token * (heads + 2 * keyValueHeads) + head) * headSize;
      const part = head < heads ? ('q' as const) : ('k' as const);
      yield { at, token, part, unit: token * (heads + keyValueHeads) + head };
    }
  }
}

function rmsOf(values: Float64Array, shape: AttentionShape): Float64Array {
  const { headSize: D } = shape;
  return Float64Array.from(headsOf(shape), ({ at }) => {
    const squares = values.subarray(at, at + D).reduce((total, x) => total + x * x, 0);
    return 1 / Math.sqrt(squares / D + EPSILON);
  });
}

/** The oracle with rows of zeros before those of each window. */
function fromPlace(
  values: Float64Array,
  shape: AttentionShape,
  options: QueryKeyOptions,
  place: number,
): Float64Array {
  const { batch: B, context: T } = shape;
  const row = values.length / (B * T);
  const window = { ...shapeOf(shape), B: 1, T: place + T };
  const out = new Float64Array(values.length);
  for (let from = 0; from < values.length; from += T * row) {
    const padded = new Float64Array(window.T * row);
    padded.set(values.subarray(from, from + T * row), place * row);
    out.set(forwardOracle(padded, window, options).subarray(place * row), from);
  }
  return out;
}

/** The kernels on numbers with error bounds. */
class Replay {
  readonly stats: Approx[] = [];
  readonly #shape: AttentionShape;
  readonly #options: QueryKeyOptions;
  readonly #table: { readonly cos: Approx[]; readonly sin: Approx[] }[];

  constructor(shape: AttentionShape, options: QueryKeyOptions, positions: number) {
    this.#shape = shape;
    this.#options = options;
    const D = shape.headSize;
    this.#table = Array.from({ length: positions }, (_, position) => {
      const angles = Array.from({ length: D / 2 }, (_, i) => position / 10_000 ** ((2 * i) / D));
      return {
        cos: angles.map((angle) => Approx.rounded(Math.cos(angle))),
        sin: angles.map((angle) => Approx.rounded(Math.sin(angle))),
      };
    });
  }

  forward(values: Float64Array, place: number): Approx[] {
    const { headSize: D, context: T } = this.#shape;
    const out = Array.from(values, (x) => new Approx(x));
    for (const { at, token, part } of headsOf(this.#shape)) {
      let head = out.slice(at, at + D);
      const { norm } = this.#options;
      if (norm) {
        const mean = sum(head.map((x) => x.mul(x))).div(D);
        const rstd = mean.add(Approx.rounded(norm.epsilon)).inverseSqrt();
        this.stats.push(rstd);
        head = head.map((x, d) => x.mul(rstd).mul(norm[part][d]!));
      }
      out.splice(at, D, ...this.#rotated(head, place + (token % T), 1));
    }
    return out;
  }

  backward(dout: Float64Array, inp: Float64Array, stats: Float64Array) {
    const { headSize: D, context: T } = this.#shape;
    const dqkv = Array.from(dout, (x) => new Approx(x));
    const terms = () => Array.from({ length: D }, (): Approx[] => []);
    const gains = { q: terms(), k: terms() };
    for (const { at, token, part, unit } of headsOf(this.#shape)) {
      let head = this.#rotated(dqkv.slice(at, at + D), token % T, -1);
      const { norm } = this.#options;
      if (norm) {
        // What the kernel is given was rounded.
        const rstd = Approx.rounded(stats[unit]!);
        const normalised = head.map((_, d) => approx(inp[at + d]!).mul(rstd));
        const scaled = head.map((x, d) => x.mul(norm[part][d]!));
        head.forEach((x, d) => {
          gains[part][d]!.push(x.mul(normalised[d]!));
        });
        const mean = sum(scaled.map((x, d) => x.mul(normalised[d]!))).div(D);
        head = scaled.map((x, d) => x.sub(normalised[d]!.mul(mean)).mul(rstd));
      }
      dqkv.splice(at, D, ...head);
    }
    return { dqkv, ...gains };
  }

  #rotated(head: readonly Approx[], position: number, sign: number): Approx[] {
    if (!this.#options.rope) return [...head];
    const { cos, sin } = this.#table[position]!;
    const half = head.length / 2;
    return head.map((x, d) => {
      const i = d % half;
      const other = head[(d + half) % head.length]!;
      const turned = other.mul(sin[i]!);
      return (d < half ? -sign : sign) < 0 ? x.mul(cos[i]!).sub(turned) : x.mul(cos[i]!).add(turned);
    });
  }
}
