import type { Tensor } from '../../gpu/tensor.ts';
import type { AttentionShape, AttentionWindows } from '../../kernels/attentionOptions.ts';
import { dropoutAt } from '../dropout.ts';
import { activation } from '../emission.ts';
import { INITIAL_STD, type ParameterSpec } from '../parameters.ts';
import type { Pass } from '../pass.ts';
import type { Site } from '../site.ts';
import { type GradientPlace, gradientLabel, gradientStores, type Value } from '../value.ts';
import type { Layer } from './layer.ts';
import { Linear } from './linear.ts';

export interface AttentionOptions {
  readonly width: number;
  readonly heads: number;
  readonly context: number;
  /** Standard deviation of the projection's initial weights. */
  readonly projectionStd: number;
}

/** Causal self-attention with its two linear layers, added to the residual stream. */
export class Attention implements Layer {
  readonly site: Site;
  readonly #options: AttentionOptions;
  readonly #input: Linear;
  readonly #projection: Linear;

  constructor(site: Site, options: AttentionOptions) {
    const { width, projectionStd } = options;
    this.site = site;
    this.#options = options;
    this.#input = new Linear(site.at('c_attn'), width, [width, width, width], INITIAL_STD);
    this.#projection = new Linear(site.at('c_proj'), width, width, projectionStd);
  }

  parameters(): ParameterSpec[] {
    return [...this.#input.parameters(), ...this.#projection.parameters()];
  }

  /** The masked half of the scores, and of their products with the values, is not counted. */
  get multiplyAdds(): number {
    const { width, context } = this.#options;
    return this.#input.multiplyAdds + this.#projection.multiplyAdds + width * context;
  }

  /** Emits residual + attention(x), (rows, C). */
  forward(pass: Pass, x: Value, { residual }: { readonly residual: Value }): Value {
    const { site } = this;
    const { width, heads, context } = this.#options;
    const { rows, windows: batch, found } = pass;
    const elements = rows * width;
    const format = pass.storage('attention', site).format;
    const shape = { batch, context, heads, headSize: width / heads };
    const dropout = dropoutAt(pass, site);
    const windows = dropout && { tensor: dropout.windows, dropout };
    const inputSite = this.#input.site;
    const qkv = pass.save(inputSite, format, 3 * elements);
    const gradientOfQkv: GradientPlace = {
      site: inputSite,
      tensor: pass.scratch('attn.c_attn gradient', format, 3 * elements),
      listed: 'stored',
      collected: { written: false },
    };
    this.#input.forward(pass, x, qkv, gradientOfQkv, {}, activation(inputSite, qkv));
    const out = pass.save(site, format, elements);
    const lse = pass.save(site.at('lse'), 'f32', batch * heads * context);
    pass.emit(
      (target, { attentionForward }) =>
        attentionForward(target, { label: site.name, qkv, out, lse, shape, windows, found }),
      activation(site, out),
    );
    const gradient: GradientPlace = {
      site,
      tensor: pass.scratch('attention output gradient', format, elements),
      listed: 'stored',
      collected: { written: false },
    };
    pass.onBackward(() =>
      this.#backward(pass, { qkv, out, lse, dout: gradient.tensor, of: gradientOfQkv, shape, windows }),
    );
    // The projection may read a quantised copy. It is recomputed for the backward pass, because attention keeps `out` itself.
    const copy = pass.copy(out, site, site.labelled('operand'), 'activation', elements, 'forward');
    const { site: projection } = this.#projection;
    const sum = pass.stream(projection, false);
    const value = { operand: sum, gradient: pass.residualGradient(projection, residual.gradient) };
    this.#projection.forward(
      pass,
      { ...copy, gradient },
      sum,
      value.gradient,
      { residual: residual.operand, dropout: dropoutAt(pass, projection) },
      activation(site, sum, 'out', `residual after ${site.name}`),
    );
    return value;
  }

  #backward(
    pass: Pass,
    tensors: {
      qkv: Tensor;
      out: Tensor;
      lse: Tensor;
      dout: Tensor;
      of: GradientPlace;
      shape: AttentionShape;
      windows: AttentionWindows | undefined;
    },
  ): void {
    const { of, ...args } = tensors;
    const { batch, heads, context } = args.shape;
    const dots = pass.scratch('attention row dots', 'f32', batch * heads * context);
    const { found } = pass;
    pass.emit(
      (target, { attentionBackward }) =>
        attentionBackward(target, { label: gradientLabel(of), ...args, dots, dqkv: of.tensor, found }),
      ...gradientStores(of, 'dqkv'),
    );
  }
}
