import { type GptConfig, NORMS, type NormKind } from '../../config/gptConfig.ts';
import type { Operand, Tensor } from '../../gpu/tensor.ts';
import { rowBlocks } from '../../kernels/rows.ts';
import { activation } from '../emission.ts';
import { type ParameterSpec, vector } from '../parameters.ts';
import type { Pass } from '../pass.ts';
import type { Site } from '../site.ts';
import { accumulates, type GradientPlace, type Value } from '../value.ts';
import type { Layer } from './layer.ts';

/** A norm over each row of the residual stream, with a gain and, for some kinds, a bias. */
export class Norm implements Layer {
  readonly multiplyAdds = 0;
  readonly site: Site;
  readonly #weight: Site;
  /** Null if this kind of norm has no bias. */
  readonly #bias: Site | null;
  readonly #conditions: (typeof NORMS)[NormKind]['conditions'];
  readonly #width: number;
  readonly #epsilon: number;

  constructor(site: Site, { width, norm, normEpsilon }: Pick<GptConfig, 'width' | 'norm' | 'normEpsilon'>) {
    const { bias, conditions } = NORMS[norm];
    this.site = site;
    this.#weight = site.at('weight');
    this.#bias = bias ? site.at('bias') : null;
    this.#conditions = conditions;
    this.#width = width;
    this.#epsilon = normEpsilon;
  }

  parameters(): ParameterSpec[] {
    const gain = vector(this.#weight, this.#width, 1);
    return this.#bias ? [gain, vector(this.#bias, this.#width, 0)] : [gain];
  }

  /** Emits the norm, (rows, C), in the form that the following matmuls read. */
  forward(pass: Pass, x: Value): Value {
    const { site } = this;
    const { rows, found } = pass;
    const width = this.#width;
    const own = { conditions: this.#conditions, epsilon: this.#epsilon };
    const elements = rows * width;
    const at = site.labelled('input');
    const { operand: inp } = pass.copy(x.operand, at, at, 'normInput', elements);
    const stats = pass.save(site.at('stats'), 'f32', rows * 2);
    const place = pass.place(site, 'activation', elements, 'gelu-ln');
    const weight = pass.part(this.#weight).master;
    const bias = this.#bias && pass.part(this.#bias).master;
    const args = { label: site.name, inp, weight, bias: bias ?? undefined, stats, rows, width };
    pass.store(
      'activation',
      site,
      place,
      elements,
      (target, { layernormForward }, out) => layernormForward(target, { ...args, ...own, out, found }),
      activation(site, place.operand),
    );
    const gradient = {
      site,
      tensor: pass.scratch('norm gradient', 'f32', elements),
      collected: { written: false },
    };
    pass.onBackward(() => this.#backward(pass, inp, stats, gradient.tensor, x.gradient));
    return {
      operand: place.operand,
      saved: place.saved,
      gradient,
      remake: pass.remakerOf(place, (place) =>
        pass.store('activation', site, place, elements, (target, { layernormRecompute }, out) =>
          layernormRecompute(target, { ...args, out }),
        ),
      ),
    };
  }

  #backward(pass: Pass, inp: Operand, stats: Tensor, dout: Tensor, into: GradientPlace): void {
    const { name, block } = this.site;
    const { rows, found } = pass;
    const width = this.#width;
    const weight = pass.part(this.#weight);
    const bias = this.#bias && pass.part(this.#bias);
    const args = { inp, dout, stats, rows, width, found };
    const [dweight, dbias] = [weight.gradient, bias?.gradient];
    if (dweight || dbias) {
      const partials = pass.partials((dbias ? 2 : 1) * rowBlocks(rows) * width);
      pass.emit((target, { layernormBackwardParameters }) =>
        layernormBackwardParameters(target, { ...args, label: name, partials, dweight, dbias }),
      );
    }
    const conditions = this.#conditions;
    const { tensor: dinp, rounded } = into;
    const accumulate = accumulates(into);
    const label = `residual gradient at ${name}`;
    pass.emit(
      (target, { layernormBackward }) =>
        layernormBackward(target, {
          ...{ ...args, label, conditions, dinp, rounded, accumulate },
          weight: weight.master,
        }),
      {
        name: label,
        kind: 'activationGradient',
        block,
        operand: rounded ?? dinp,
        slot: rounded ? 'rounded' : 'dinp',
        // Without a rounded copy it is only added to in place.
        unmeasured: !rounded,
      },
    );
  }
}
