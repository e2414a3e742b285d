import { type GptConfig, headSize } from '../../config/gptConfig.ts';
import type { Operand, Tensor } from '../../gpu/tensor.ts';
import type { AttentionShape } from '../../kernels/attentionOptions.ts';
import { gainPartials } from '../../kernels/queryKey.ts';
import { activation } from '../emission.ts';
import { type ParameterSpec, vector } from '../parameters.ts';
import type { Pass } from '../pass.ts';
import type { Place } from '../place.ts';
import type { Site } from '../site.ts';
import { type GradientPlace, gradientLabel, gradientStores } from '../value.ts';

/** The operand of attention. */
interface Prepared {
  /** (rows, H + 2 G, D) */
  readonly qkv: Operand;
  /** Where attention stores the gradient of `qkv`. */
  readonly gradient: GradientPlace;
  /** Emits the operations that recompute a dropped `qkv` in the backward pass; undefined where it is still there. */
  readonly remake?: (() => void) | undefined;
}

/** What the backward pass of QK-norm reads. */
interface Normed {
  /** The output of the projection. */
  readonly inp: Tensor;
  readonly stats: Tensor;
}

/**
 * What happens to queries and keys between their projection and attention. RoPE alone works in place, because its gradient
 * does not depend on its input. That of QK-norm does, so that attention reads a second tensor, which is not kept but recomputed.
 */
export class QueryKey {
  readonly #site: Site;
  /** Null without QK-norm. */
  readonly #gains: { readonly q: Site; readonly k: Site } | null;
  readonly #config: GptConfig;

  constructor(attention: Site, config: GptConfig) {
    this.#site = attention.at('qk');
    this.#gains = config.qkNorm
      ? { q: attention.at('q_norm.weight'), k: attention.at('k_norm.weight') }
      : null;
    this.#config = config;
  }

  parameters(): ParameterSpec[] {
    const size = headSize(this.#config);
    return this.#gains ? [vector(this.#gains.q, size, 1), vector(this.#gains.k, size, 1)] : [];
  }

  /**
   * @param projected (rows, H + 2 G, D): the output of the projection
   * @param gradient where the projection reads the gradient of its output
   */
  forward(pass: Pass, projected: Tensor, gradient: GradientPlace, shape: AttentionShape): Prepared {
    const { angles } = pass.run;
    if (!this.#gains && !angles) return { qkv: projected, gradient };
    const { found, rows } = pass;
    const { heads, headSize, keyValueHeads = heads } = shape;
    const common = { label: this.#site.name, shape, angles, found, position: pass.continuation?.position };
    // It is the same tensor, before the backward pass changes it in place.
    const read: GradientPlace = { ...gradient, site: this.#site, collected: { written: false } };
    if (!this.#gains) {
      const stored = { ...activation(this.#site, projected, 'qkv'), unmeasured: true };
      pass.emit(
        (target, { queryKeyForward }) => queryKeyForward(target, { ...common, qkv: projected }),
        stored,
      );
      pass.onBackward(() => this.#backward(pass, gradient, shape));
      return { qkv: projected, gradient: read };
    }
    const gains = this.#gainsIn(pass);
    const stats = pass.save(this.#site.at('stats'), 'f32', rows * (heads + keyValueHeads));
    const normed = { inp: projected, stats };
    const elements = rows * (heads + 2 * keyValueHeads) * headSize;
    const place = pass.place(this.#site, 'attention', elements, 'forward');
    const make = ({ operand: qkv }: Place) => {
      const norm = { ...gains, ...normed, epsilon: this.#config.normEpsilon };
      pass.emit(
        (target, { queryKeyForward }) => queryKeyForward(target, { ...common, qkv, norm }),
        activation(this.#site, qkv, 'qkv'),
      );
    };
    make(place);
    pass.onBackward(() => this.#backward(pass, gradient, shape, normed));
    return { qkv: place.operand, gradient: read, remake: pass.remakerOf(place, make) };
  }

  #gainsIn(pass: Pass) {
    return { qGain: pass.part(this.#gains!.q).master, kGain: pass.part(this.#gains!.k).master };
  }

  #backward(pass: Pass, gradient: GradientPlace, shape: AttentionShape, normed?: Normed): void {
    const { found } = pass;
    const { angles } = pass.run;
    const args = { shape, angles, found, dqkv: gradient.tensor };
    if (normed) this.#gainGradients(pass, args, normed);
    const norm = normed && { ...this.#gainsIn(pass), ...normed };
    pass.emit(
      (target, { queryKeyBackward }) =>
        queryKeyBackward(target, { ...args, label: gradientLabel(gradient), norm }),
      ...gradientStores(gradient, 'dqkv').map((stored) => ({ ...stored, unmeasured: true })),
    );
  }

  #gainGradients(
    pass: Pass,
    args: {
      readonly shape: AttentionShape;
      readonly angles: Tensor | undefined;
      readonly found: Tensor;
      readonly dqkv: Tensor;
    },
    normed: Normed,
  ): void {
    const { q, k } = this.#gains!;
    const [dqGain, dkGain] = [pass.part(q).gradient, pass.part(k).gradient];
    if (!dqGain && !dkGain) return;
    const partials = pass.partials(gainPartials(args.shape));
    const label =
      dqGain && dkGain ? `${this.#site.name} gain gradients` : `${(dqGain ? q : k).name} gradient`;
    pass.emit((target, { queryKeyGains }) =>
      queryKeyGains(target, { ...args, ...normed, label, partials, dqGain, dkGain }),
    );
  }
}
