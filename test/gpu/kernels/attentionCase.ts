/** Causal attention forward and backward against the f64 oracle. */

import { randomBits } from '../../../src/engine/core/rng.ts';
import type { Dispatch, Target } from '../../../src/engine/gpu/operation.ts';
import { attentionBackward, attentionForward } from '../../../src/engine/kernels/attention.ts';
import {
  type AttentionOptions,
  type AttentionShape,
  type AttentionWindow,
  windowWords,
} from '../../../src/engine/kernels/attentionOptions.ts';
import { partsAreUniform } from '../../../src/engine/kernels/attentionWorkgroup.ts';
import type { FormatId } from '../../../src/engine/precision/formats.ts';
import {
  attentionDelta,
  attentionBackward as backwardOracle,
  attentionForward as forwardOracle,
  offsetOf,
  type AttentionShape as ReferenceShape,
} from '../../../src/engine/reference/attention.ts';
import { backwardErrors, forwardErrors } from './attentionBounds.ts';
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

export interface AttentionCase extends AttentionOptions {
  readonly format: FormatId;
  /** Of the output's gradient. */
  readonly gradient?: number;
  /** Changes each dispatch of the kernels. */
  readonly changed?: (dispatch: Dispatch) => Dispatch;
  /** Uses of {@link AttentionWindows}; the windows themselves are made here. */
  readonly uses?: AttentionUses;
}

export interface AttentionUses {
  /** Rows of qkv a window beyond the queries of the shape. */
  readonly cached?: boolean;
  readonly documents?: boolean;
  readonly dropout?: boolean;
}

/** Of which a third is dropped: neither a power of two nor rare. */
const DROPOUT = { rate: 1 / 3, stream: 12345 };

/** Windows that differ in everything: documents of 1 to 9 tokens, and queries that start somewhere in the rows. */
function windowsFor({ batch, context }: AttentionShape, { cached, documents, dropout }: AttentionUses) {
  // More rows than a workgroup of any width behind the last query, where keys have no query.
  const keys = cached ? context + 77 : context;
  const windows = Array.from({ length: batch }, (_, b): AttentionWindow => {
    const starts = new Uint32Array(keys);
    for (let t = 1; t < keys; t++) {
      const begins = documents && randomBits(t, b) % 5 === 0;
      starts[t] = begins ? t : starts[t - 1]!;
    }
    return { seed: 99, index: 40 + 3 * b, firstQuery: cached ? 13 + 50 * b : 0, starts };
  });
  return { keys, windows, dropout: dropout ? DROPOUT : undefined };
}

export async function checkAttention(
  fixture: KernelFixture,
  target: Target,
  { format, gradient = 1, uses, softCap, changed = (same) => same }: AttentionCase,
  shapes: readonly AttentionShape[],
): Promise<Comparison[]> {
  const run = new KernelRun(fixture);
  const found = run.found();
  const plans = shapes.map((shape) => {
    const { batch: B, context: T, heads: H, headSize: D, keyValueHeads: G = H } = shape;
    const { keys, windows, dropout } = windowsFor(shape, uses ?? {});
    const reference: ReferenceShape = {
      ...{ B, T, H, D, G, K: keys },
      ...(softCap !== undefined && { softCap }),
      ...(dropout && { dropout }),
      ...(uses && { windows }),
    };
    const count = B * T * H * D;
    const qkv = run.input('qkv', format, normal(B * keys * (H + 2 * G) * D, 1));
    const known = forwardOracle(run.values(qkv), reference);
    const oracle = {
      out: run.input('oracle out', format, known.out),
      lse: run.input('oracle lse', 'f32', known.lse),
    };
    const given = {
      ...{ found, qkv, shape, softCap },
      label: `attention ${B}x${T}x${H}x${D}`,
      windows: uses && {
        tensor: run.codes('windows', 'u32', windowWords(windows, { context: T, keys })),
        ...{ keys: uses.cached ? keys : undefined, documents: uses.documents, dropout },
      },
    };
    return {
      ...{ reference, given, known, oracle },
      out: run.output('out', format, count),
      lse: run.output('lse', 'f32', B * H * T),
      dout: run.input('dout', format, normal(count, 2, gradient)),
      dots: run.output('dots', 'f32', B * H * T),
      dqkv: run.output('dqkv', format, B * keys * (H + 2 * G) * D),
    };
  });
  await run.run(
    plans
      .flatMap(({ given, out, lse, oracle, dout, dots, dqkv }) => [
        attentionForward(target, { ...given, out, lse }),
        // Backward starts from what the oracle saved, so that its own error is what is seen.
        ...attentionBackward(target, { ...given, ...oracle, dout, dots, dqkv }),
      ])
      .map(changed),
  );
  if (run.overflow() !== null) throw new Error(`${run.overflow()} reported an overflow`);
  return plans.flatMap(({ reference, given, known, oracle, out, lse, dout, dots, dqkv }) => {
    const [x, d, o, l] = [given.qkv, dout, oracle.out, oracle.lse].map((tensor) => run.values(tensor));
    const forward = forwardErrors(reference, x!, known.out, known.lse);
    const backward = backwardErrors(reference, x!, d!, o!, l!);
    const expected = backwardOracle(d!, x!, o!, l!, reference);
    const gradient = run.read(dqkv);
    leaveUnwritten(reference, gradient);
    return [
      compareStored('out', format, run.read(out), known.out, (i) => forward.outError[i]!),
      compareStored('lse', 'f32', run.read(lse), known.lse, (i) => forward.lseError[i]!),
      compareStored(
        'dots',
        'f32',
        run.read(dots),
        attentionDelta(d!, o!, reference),
        (i) => backward.dotsError[i]!,
      ),
      compareStored('dqkv', format, gradient, expected, (i) => backward.error[i]!),
    ].map((comparison) => ({ ...comparison, of: given.label }));
  });
}

/** Checks that the q of rows that are no queries was not written, and makes it the zero that the oracle has there. */
function leaveUnwritten(shape: ReferenceShape, dqkv: Float64Array): void {
  const { B, T, H, D, K = T, windows } = shape;
  for (let b = 0; b < B; b++) {
    const first = windows?.[b]?.firstQuery ?? 0;
    for (let t = 0; t < K; t++) {
      if (t >= first && t < first + T) continue;
      const at = offsetOf(shape, b, t, 0, 0);
      const row = dqkv.subarray(at, at + H * D);
      if (!row.every(Number.isNaN))
        throw new Error(`the gradient of q was written at row ${t} of window ${b}`);
      row.fill(0);
    }
  }
}

/** Cuts the dispatches of the uniform kernels as if a lane could keep less: the heads that need it take long to compile here. */
export function inParts(parts: number, target: Target): (dispatch: Dispatch) => Dispatch {
  return (dispatch) => {
    const { conditions, constants } = dispatch.variant;
    if (constants.ROWS === undefined) return dispatch;
    return {
      ...dispatch,
      variant: {
        ...dispatch.variant,
        conditions: { ...conditions, split: true, subgroups: partsAreUniform(target) },
        constants: {
          ...constants,
          ...{ PARTS: parts, LANES: parts * constants.ROWS },
          ...(target.subgroup !== null && partsAreUniform(target) && { SUBGROUP: target.subgroup }),
        },
      },
    };
  };
}
