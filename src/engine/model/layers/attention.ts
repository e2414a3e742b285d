import { type GptConfig, headSize, keyValueHeads } from '../../config/gptConfig.ts';
import { attentionScale } from '../../config/mup.ts';
import type { Operand, Tensor } from '../../gpu/tensor.ts';
import type { AttentionOptions, AttentionShape } from '../../kernels/attentionOptions.ts';
import { keyValueElements } from '../../kernels/cachedAttention.ts';
import { roundForAttention } from '../attentionOperands.ts';
import { dropoutAt } from '../dropout.ts';
import { activation } from '../emission.ts';
import type { ParameterSpec } from '../parameters.ts';
import type { Pass } from '../pass.ts';
import type { Continuation } from '../passOptions.ts';
import type { Site } from '../site.ts';
import { type GradientPlace, gradientLabel, gradientStores, type Value } from '../value.ts';
import type { Layer } from './layer.ts';
import { Linear } from './linear.ts';
import { QueryKey } from './queryKey.ts';
import { ResidualBranch } from './residualBranch.ts';

/** Causal self-attention with its two linear layers, added to the residual stream. */
export class Attention implements Layer {
  readonly site: Site;
  readonly #config: GptConfig;
  readonly #input: Linear;
  readonly #queryKey: QueryKey;
  readonly #projection: ResidualBranch;

  /** @param projectionStd standard deviation of the projection's initial weights */
  constructor(site: Site, config: GptConfig, projectionStd: number) {
    const { width, heads, biases, layerScale } = config;
    const size = headSize(config);
    const [queries, keys] = [heads * size, keyValueHeads(config) * size];
    this.site = site;
    this.#config = config;
    this.#input = new Linear(site.at('c_attn'), width, [queries, keys, keys], { bias: biases !== 'none' });
    this.#queryKey = new QueryKey(site, config);
    this.#projection = new ResidualBranch(site, queries, width, {
      ...{ std: projectionStd, bias: biases === 'all', layerScale },
    });
  }

  parameters(): ParameterSpec[] {
    return [this.#input, this.#queryKey, this.#projection].flatMap((part) => part.parameters());
  }

  /** The masked half of the scores, and of their products with the values, is not counted. */
  get multiplyAdds(): number {
    const { heads, context } = this.#config;
    const ofScores = heads * headSize(this.#config) * context;
    return this.#input.multiplyAdds + this.#projection.multiplyAdds + ofScores;
  }

  /** Emits residual + attention(x), (rows, C). */
  forward(pass: Pass, x: Value, { residual }: { readonly residual: Value }): Value {
    const { site } = this;
    const { heads, context, attentionSoftCap } = this.#config;
    const { rows, found } = pass;
    const [batch, queries] = pass.continuation ? [1, rows] : [pass.windows, context];
    const elements = rows * heads * headSize(this.#config);
    const format = pass.storage('attention', site).format;
    const shape: AttentionShape = {
      ...{ batch, context: queries, heads, headSize: headSize(this.#config) },
      keyValueHeads: keyValueHeads(this.#config),
    };
    const softCap = attentionSoftCap > 0 ? attentionSoftCap : undefined;
    const dropout = dropoutAt(pass, site);
    const windows = dropout && { tensor: dropout.windows, dropout };
    const scale = attentionScale(this.#config);
    const options: AttentionOptions = { scale, softCap, windows };
    const inputSite = this.#input.site;
    const projected = pass.save(inputSite, format, rows * this.#input.outputs);
    const gradientOfProjected: GradientPlace = {
      site: inputSite,
      tensor: pass.scratch('attn.c_attn gradient', format, rows * this.#input.outputs),
      listed: 'stored',
      collected: { written: false },
    };
    this.#input.forward(pass, x, projected, gradientOfProjected, {}, activation(inputSite, projected));
    const prepared = this.#queryKey.forward(pass, projected, gradientOfProjected, shape);
    const { qkv, gradient: of, remake } = prepared;
    const round = () => roundForAttention(pass, site, 'queryKeyValue', qkv, rows * this.#input.outputs);
    round();
    const out = pass.save(site, format, elements);
    const lse = pass.save(site.at('lse'), 'f32', rows * heads);
    if (pass.continuation) this.#continue(pass, pass.continuation, { qkv, out, shape, scale, softCap });
    else
      pass.emit(
        (target, { attentionForward }) =>
          attentionForward(target, { label: site.name, qkv, out, lse, shape, ...options, found }),
        activation(site, out),
      );
    const gradient: GradientPlace = {
      site,
      tensor: pass.scratch('attention output gradient', format, elements),
      listed: 'stored',
      collected: { written: false },
    };
    pass.onBackward(() => {
      if (remake) {
        remake();
        round();
      }
      roundForAttention(pass, site, 'outputGradient', gradient.tensor, elements);
      this.#backward(pass, { qkv, out, lse, dout: gradient.tensor, of, shape, ...options });
    });
    // The projection may read a quantised copy. It is recomputed for the backward pass, because attention keeps `out` itself.
    const copy = pass.copy(out, site, site.labelled('operand'), 'activation', elements, 'forward');
    return this.#projection.forward(pass, { ...copy, gradient }, residual, { endsBlock: false });
  }

  /** Emits the attention of tokens whose window has a cache. */
  #continue(
    pass: Pass,
    { position }: Continuation,
    args: {
      qkv: Operand;
      out: Tensor;
      shape: AttentionShape;
      scale: number;
      softCap: number | undefined;
    },
  ): void {
    const { site } = this;
    const { found } = pass;
    const { format } = pass.storage('attention', site);
    const elements = this.#config.context * keyValueElements(args.shape);
    const cache = pass.cache(site.labelled('keys and values'), format, elements);
    pass.emit(
      (target, { cachedAttention }) =>
        cachedAttention(target, { label: site.name, ...args, cache, position, found }),
      activation(site, args.out),
    );
  }

  #backward(
    pass: Pass,
    tensors: {
      qkv: Operand;
      out: Tensor;
      lse: Tensor;
      dout: Tensor;
      of: GradientPlace;
      shape: AttentionShape;
    } & AttentionOptions,
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
