import type { Operand } from '../../gpu/tensor.ts';
import type { Activation } from '../../kernels/activation.ts';
import type { RowDropout } from '../../kernels/dropout.ts';
import { rowBlocks } from '../../kernels/rows.ts';
import { partialElements } from '../../kernels/weightGradient.ts';
import { droppedGradient } from '../dropout.ts';
import type { Stored } from '../emission.ts';
import { outputGradient } from '../outputGradient.ts';
import { INITIAL_STD, matrix, type ParameterSpec, vector } from '../parameters.ts';
import type { Pass } from '../pass.ts';
import type { Site } from '../site.ts';
import { accumulates, type GradientPlace, gradientLabel, gradientStores, type Value } from '../value.ts';
import type { Layer } from './layer.ts';
import { outlierProduct } from './outlierProduct.ts';

/** The operations of the matmul's epilogue besides adding the bias. */
interface Epilogue {
  /** Of the output, before the residual is added. */
  readonly dropout?: RowDropout | undefined;
  /** (rows, outputs), added after everything else. */
  readonly residual?: Operand;
  /** Stores the pre-activation, (rows, outputs), and its activation function as the output. */
  readonly activation?: Activation;
}

export interface LinearOptions {
  /** Standard deviation of the initial weights. */
  readonly std?: number;
  readonly bias?: boolean;
}

/** y = x W + b for each row, or y = x W. */
export class Linear implements Layer {
  readonly site: Site;
  readonly inputs: number;
  readonly outputs: number;
  readonly #weight: Site;
  /** Null if the layer has no bias. */
  readonly #bias: Site | null;
  readonly #sideBySide: readonly number[];
  readonly #std: number;

  /** @param outputs a number, or those of each of several matrices that are computed as one, in their order */
  constructor(
    site: Site,
    inputs: number,
    outputs: number | readonly number[],
    { std = INITIAL_STD, bias = true }: LinearOptions = {},
  ) {
    this.site = site;
    this.#weight = site.at('weight');
    this.#bias = bias ? site.at('bias') : null;
    this.#sideBySide = typeof outputs === 'number' ? [outputs] : outputs;
    this.inputs = inputs;
    this.outputs = this.#sideBySide.reduce((sum, columns) => sum + columns, 0);
    this.#std = std;
  }

  get multiplyAdds(): number {
    return this.inputs * this.outputs;
  }

  parameters(): ParameterSpec[] {
    const { inputs: rows, outputs: columns } = this;
    const shape = { rows, columns, sideBySide: this.#sideBySide, rowsOf: 'inputs', matmul: true } as const;
    const weight = matrix(this.#weight, shape, this.#std);
    return this.#bias ? [weight, vector(this.#bias, columns, 0)] : [weight];
  }

  /**
   * Emits the matmul, and pushes its backward pass onto the tape.
   * @param x (rows, inputs)
   * @param out (rows, outputs)
   * @param gradient where the gradient of the output is collected
   */
  forward(
    pass: Pass,
    x: Value,
    out: Operand,
    gradient: GradientPlace,
    epilogue: Epilogue = {},
    ...stores: Stored[]
  ): void {
    const { site, inputs: k, outputs: n } = this;
    const { rows: m, found } = pass;
    const b = pass.part(this.#weight).weight;
    const bias = this.#bias ? { bias: pass.part(this.#bias).master } : {};
    const { outliers } = pass.run;
    if (outliers !== undefined && site.block !== null) {
      const { weight, master } = pass.part(this.#weight);
      const operands = { x: x.saved ?? x.operand, codes: x.operand, weight, master };
      const { residual } = epilogue;
      const args = { label: site.name, ...operands, ...bias, ...(residual && { residual }), out, n, k };
      outlierProduct(pass, outliers, args, ...stores);
      return;
    }
    pass.emit(
      (target, { matmul }) =>
        matmul(target, { label: site.name, a: x.operand, b, ...bias, out, m, n, k, ...epilogue, found }),
      ...stores,
    );
    const { dropout } = epilogue;
    pass.onBackward(() =>
      this.#backward(pass, x, dropout ? droppedGradient(pass, gradient, dropout, n) : gradient),
    );
  }

  #backward(pass: Pass, x: Value, of: GradientPlace): void {
    const { site, inputs, outputs } = this;
    const { rows, found, run } = pass;
    const weight = pass.part(this.#weight);
    const bias = this.#bias && pass.part(this.#bias).gradient;
    if (bias) {
      const label = `${this.#bias!.name} gradient`;
      const sums = pass.partials(rowBlocks(rows) * outputs);
      pass.emit((target, { columnSum }) =>
        columnSum(target, {
          label,
          inp: of.tensor,
          partials: sums,
          out: bias,
          rows,
          width: outputs,
          found,
        }),
      );
    }
    const { gradient: dweight } = weight;
    const dY = outputGradient(pass, site, of, rows * outputs, dweight !== undefined);
    if (dweight) {
      x.remake?.();
      const partials = pass.partials(partialElements(inputs, outputs, rows, run.maxBindingBytes / 4));
      const label = `${this.#weight.name} gradient`;
      pass.emit((target, { weightGradient }) =>
        weightGradient(
          target,
          {
            label,
            a: x.saved ?? x.operand,
            b: dY.forWeight,
            out: dweight,
            m: inputs,
            n: outputs,
            k: rows,
            found,
          },
          partials,
        ),
      );
    }
    const { tensor: out, activationBackward } = x.gradient;
    const accumulate = accumulates(x.gradient);
    pass.emit(
      (target, { matmul }) =>
        matmul(target, {
          label: gradientLabel(x.gradient),
          a: dY.forInput,
          b: weight.backwardWeight,
          bTransposed: true,
          out,
          m: rows,
          n: inputs,
          k: outputs,
          accumulate,
          ...(activationBackward && { activationBackward }),
          found,
        }),
      ...gradientStores(x.gradient, 'out'),
    );
  }
}
