import { type GptConfig, paddedVocabulary } from '../../config/gptConfig.ts';
import { type Operand, slice, sliceOf, type Tensor, type TensorSlice } from '../../gpu/tensor.ts';
import { SHARPNESS_WIDTH } from '../../kernels/rows.ts';
import { partialElements } from '../../kernels/weightGradient.ts';
import { isQuantized } from '../../precision/storage.ts';
import type { ParameterPart } from '../chunks.ts';
import { copyRounding } from '../copyRounding.ts';
import type { Stored } from '../emission.ts';
import type { ModelRun } from '../modelRun.ts';
import { matrix, type ParameterSpec } from '../parameters.ts';
import type { Pass } from '../pass.ts';
import { forgetMagnitude } from '../quantize.ts';
import { Site } from '../site.ts';
import type { Value } from '../value.ts';
import type { Layer } from './layer.ts';

/** The smaller of the two epsilons at which sharpness is measured; the other one is twice as large. */
export const SHARPNESS_EPSILON = 5e-4;

/** Slices of rows start at 256-byte boundaries, which multiples of 64 rows do in every format. */
const ROW_STEP = 64;
const MAX_ROWS = 1024;

/** Results of the head that others read. */
export interface HeadTensors {
  /** (headRows, Vp) f32: the logits of the last chunk. */
  readonly logits: Tensor;
  /** (rows) f32, in nats. */
  readonly losses: Tensor;
  /** (rows) f32: log Z of each row in a training pass with z-loss. */
  readonly logZ: Tensor | null;
}

interface HeadSlice {
  readonly part: ParameterPart;
  readonly logits: TensorSlice;
  /** The gradients of the logits, in the form that matmuls read. */
  readonly dlogits: TensorSlice;
}

function dlogitsStore(operand: Operand, unmeasured: boolean): Stored {
  return {
    name: 'logits gradient',
    kind: 'activationGradient',
    block: null,
    operand,
    slot: 'dlogits',
    unmeasured,
  };
}

/**
 * LM head and loss. They process a chunk of rows at a time, and a large vocabulary in slices, so that the logits of a whole
 * batch never exist. The backward pass of each chunk therefore follows its forward pass at once.
 */
export class Head implements Layer {
  /** Site of the matrix, which is the head's own or the token embedding. */
  readonly weight: Site;
  readonly #site = new Site(null, 'lm_head');
  readonly #config: GptConfig;

  /** @param tied the token embedding if the head shares its matrix, else null */
  constructor(config: GptConfig, tied: Site | null) {
    this.#config = config;
    this.weight = tied ?? this.#site.at('weight');
  }

  get multiplyAdds(): number {
    return this.#config.vocabulary * this.#config.width;
  }

  parameters(): ParameterSpec[] {
    const { tied, vocabulary, width } = this.#config;
    if (tied) return [];
    const shape = { rows: paddedVocabulary(this.#config), learnedRows: vocabulary, columns: width };
    return [matrix(this.weight, { ...shape, rowsOf: 'tokens', matmul: true })];
  }

  /** Rows per chunk: at most half of the micro-batch, so that its logits never exist at once, and at most what fits in a binding. */
  rowsAtOnce({ rows, maxBindingBytes }: Pick<ModelRun, 'rows' | 'maxBindingBytes'>): number {
    const half = Math.ceil(rows / 2 / ROW_STEP) * ROW_STEP;
    const row = 4 * paddedVocabulary(this.#config);
    const fits = Math.floor(maxBindingBytes / row / ROW_STEP) * ROW_STEP;
    return Math.max(ROW_STEP, Math.min(half, fits, MAX_ROWS));
  }

  /** Emits the loss of each row. @param sharpness (rows, 4) f32 that receives each row's sharpness, if given */
  evaluate(pass: Pass, x: Value, sharpness?: Tensor): HeadTensors {
    pass.phase = 'lmHead';
    return this.#chunks(pass, x, sharpness);
  }

  /** Emits the loss of each row, its addition to the step's loss, and the gradients of the head's matrix and of `x`. */
  train(pass: Pass, x: Value): HeadTensors {
    pass.phase = 'lmHead';
    const out = this.#chunks(pass, x);
    const { lossSums: sums, logZ, state, lossTokens, fixedSums: fixed } = pass.run;
    const shared = { rows: pass.rows, lossTokens, fixed };
    pass.emit((_, { lossSum }) => lossSum({ ...shared, losses: out.losses, sums, state }));
    const ofRows = out.logZ;
    if (logZ && ofRows) pass.emit((_, { lossSum }) => lossSum({ ...shared, ...logZ, losses: ofRows }));
    return out;
  }

  /** Emits the logits of one row, (1, Vp) f32, which are returned. @param x the final norm's output, of which the first row is read */
  sample(pass: Pass, x: Value): Tensor {
    pass.phase = 'lmHead';
    const { width } = this.#config;
    const logits = pass.logits('sampled logits', 'f32', paddedVocabulary(this.#config));
    const inp = sliceOf(x.operand, 0, width);
    for (const { part, logits: out } of this.#slices(pass, 1, logits, logits)) {
      this.#emitLogits(pass, 'sampled logits', inp, part, out, 1);
    }
    return logits;
  }

  #logits(run: ModelRun, pass: Pass): Tensor {
    return pass.logits('logits', 'f32', this.rowsAtOnce(run) * paddedVocabulary(this.#config));
  }

  #chunks(pass: Pass, x: Value, sharpness?: Tensor): HeadTensors {
    const { vocabulary, width } = this.#config;
    const { run, rows, found, trains } = pass;
    const Vp = paddedVocabulary(this.#config);
    const rowsAtOnce = this.rowsAtOnce(run);
    const logits = this.#logits(run, pass);
    const losses = pass.logits('losses', 'f32', rows);
    const logZ = trains && run.logZ ? pass.logits('log Z of rows', 'f32', rows) : null;
    const dlogits = trains
      ? pass.logits('logits gradient', pass.written('outputGradient', this.#site), rowsAtOnce * Vp)
      : logits;
    const read = trains ? this.#gradientOperand(pass, dlogits) : dlogits;
    const { state, lossTokens, zLoss } = run;
    const backward = trains && { dlogits, state, lossTokens, zLoss, softCap: this.#config.logitSoftCap };
    const emitChunk = (first: number): void => {
      const count = Math.min(rowsAtOnce, rows - first);
      const inp = sliceOf(x.operand, first * width, count * width);
      const slices = this.#slices(pass, count, logits, read);
      const shape = {
        logits,
        targets: slice(run.targets, first, count),
        rows: count,
        vocabulary,
        paddedVocabulary: Vp,
        sliceColumns: run.vocabularyRows,
      };
      for (const { part, logits: out } of slices) this.#emitLogits(pass, 'logits', inp, part, out, count);
      const label = trains ? 'logits gradient' : 'loss';
      pass.emit(
        (target, { crossEntropy }) =>
          crossEntropy(target, {
            ...{ label, ...shape, losses: slice(losses, first, count), found },
            ...(backward && {
              backward: { ...backward, logZ: logZ ? slice(logZ, first, count) : undefined },
            }),
          }),
        ...(trains ? [dlogitsStore(slice(dlogits, 0, count * Vp), read !== dlogits)] : []),
      );
      if (sharpness) {
        const out = slice(sharpness, first * SHARPNESS_WIDTH, count * SHARPNESS_WIDTH);
        const args = { ...shape, label: 'sharpness', out, epsilon: SHARPNESS_EPSILON };
        pass.emit((target, { logitSharpness }) => logitSharpness(target, args));
      }
      if (trains) this.#backward(pass, x, inp, dlogits, slices, first, count);
    };
    emitChunk(0);
    pass.later(() => {
      for (let first = rowsAtOnce; first < rows; first += rowsAtOnce) emitChunk(first);
    });
    return { logits, losses, logZ };
  }

  /** The operand that matmuls read as dlogits: a quantised copy, or dlogits itself. */
  #gradientOperand(pass: Pass, dlogits: Tensor): Operand {
    const storage = pass.storage('outputGradient', this.#site);
    if (!isQuantized(storage)) return dlogits;
    const { elements } = dlogits;
    const copy = pass.logits('logits gradient operand', storage.format, elements);
    return pass.scaled(`${this.#site.name} dY`, 'outputGradient', this.#site, copy, elements);
  }

  #backward(
    pass: Pass,
    x: Value,
    inp: Operand,
    dlogits: Tensor,
    slices: readonly HeadSlice[],
    first: number,
    count: number,
  ): void {
    const { width: C } = this.#config;
    const { run, found } = pass;
    const elements = count * paddedVocabulary(this.#config);
    const read = slices[0]!.dlogits;
    if (read.scale) {
      const out = sliceOf(read, 0, elements);
      pass.emit(() => forgetMagnitude(run.scales!, out));
      const name = `${this.#site.name} dY`;
      const stored = {
        name,
        kind: 'activationGradient',
        block: null,
        operand: out,
        slot: 'out',
        copy: true,
      } as const;
      const rounding = copyRounding(pass, name, pass.storage('outputGradient', this.#site));
      pass.quantize('logits gradient', slice(dlogits, 0, elements), out, elements, rounding, stored);
    }
    const dX = slice(x.gradient.tensor, first * C, count * C);
    for (const { part, dlogits: dout } of slices) {
      pass.emit((target, { matmul }) =>
        matmul(target, {
          label: `${x.gradient.site.name} gradient`,
          a: dout,
          b: part.backwardWeight,
          out: dX,
          m: count,
          n: C,
          k: part.rows,
          accumulate: part.firstRow > 0,
          found,
        }),
      );
      const { gradient: dweight } = part;
      if (!dweight) continue;
      const partials = pass.partials(partialElements(part.rows, C, count, run.maxBindingBytes / 4));
      const label = `${this.weight.name} gradient`;
      const shape = { m: part.rows, n: C, k: count };
      pass.emit((target, { weightGradient }) =>
        weightGradient(target, { label, a: dout, b: inp, out: dweight, ...shape, found }, partials),
      );
    }
  }

  /**
   * Splits the logits of `count` rows, and their gradients, by slices of the vocabulary. Each slice is a contiguous matrix
   * (count, vocabulary rows of the slice), and the matrices follow one another.
   */
  #slices(pass: Pass, count: number, logits: Tensor, dlogits: Operand): HeadSlice[] {
    return pass.parts(this.weight).map((part) => {
      const [offset, elements] = [count * part.firstRow, count * part.rows];
      return { part, logits: slice(logits, offset, elements), dlogits: sliceOf(dlogits, offset, elements) };
    });
  }

  #emitLogits(
    pass: Pass,
    label: string,
    inp: Operand,
    part: ParameterPart,
    out: Operand,
    count: number,
  ): void {
    const { width, logitSoftCap } = this.#config;
    const { found } = pass;
    const shape = { m: count, n: part.rows, k: width, softCap: logitSoftCap || undefined };
    pass.emit((target, { matmul }) =>
      matmul(target, { label, a: inp, b: part.weight, bTransposed: true, out, ...shape, found }),
    );
  }
}
