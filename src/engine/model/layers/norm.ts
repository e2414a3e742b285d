import type { Operand, Tensor } from '../../gpu/tensor.ts';
import { rowBlocks } from '../../kernels/rows.ts';
import { activation } from '../emission.ts';
import { type ParameterSpec, vector } from '../parameters.ts';
import type { Pass } from '../pass.ts';
import type { Site } from '../site.ts';
import type { GradientPlace, Value } from '../value.ts';
import type { Layer } from './layer.ts';

/** Layer norm with scale and shift, of rows of the residual stream. */
export class LayerNorm implements Layer {
  readonly multiplyAdds = 0;
  readonly site: Site;
  readonly #weight: Site;
  readonly #bias: Site;
  readonly #width: number;

  constructor(site: Site, width: number) {
    this.site = site;
    this.#weight = site.at('weight');
    this.#bias = site.at('bias');
    this.#width = width;
  }

  parameters(): ParameterSpec[] {
    return [vector(this.#weight, this.#width, 1), vector(this.#bias, this.#width, 0)];
  }

  /** (rows, C), as the matmuls after it read it. */
  forward(pass: Pass, x: Value): Value {
    const { site } = this;
    const { rows, found } = pass;
    const width = this.#width;
    const elements = rows * width;
    const at = site.labelled('input');
    const { operand: inp } = pass.copy(x.operand, at, at, 'normInput', elements);
    const stats = pass.save(site.at('stats'), 'f32', rows * 2);
    const place = pass.place(site, 'activation', elements, 'gelu-ln');
    const weight = pass.part(this.#weight).master;
    const bias = pass.part(this.#bias).master;
    const args = { label: site.name, inp, weight, bias, stats, rows, width };
    pass.store(
      site.name,
      place.operand,
      elements,
      (target, { layernormForward }, out) => layernormForward(target, { ...args, out, found }),
      activation(site, place.operand),
    );
    const gradient = { site, tensor: pass.scratch('layer norm gradient', 'f32', elements), written: false };
    pass.onBackward(() => this.#backward(pass, inp, stats, gradient.tensor, x.gradient));
    return {
      operand: place.operand,
      gradient,
      remake: pass.remakerOf(place, () =>
        pass.store(site.name, place.operand, elements, (target, { layernormRecompute }, out) =>
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
    const bias = pass.part(this.#bias);
    const partials = pass.partials(2 * rowBlocks(rows) * width);
    const args = { inp, dout, stats, rows, width, found };
    pass.emit((target, { layernormBackwardParameters }) =>
      layernormBackwardParameters(target, {
        ...args,
        label: name,
        partials,
        dweight: weight.gradient,
        dbias: bias.gradient,
      }),
    );
    const { tensor: dinp, rounded } = into;
    const accumulate = pass.accumulates(into);
    const label = `residual gradient at ${name}`;
    pass.emit(
      (target, { layernormBackward }) =>
        layernormBackward(target, { ...args, label, weight: weight.master, dinp, rounded, accumulate }),
      {
        name: label,
        kind: 'activationGradient',
        block,
        operand: rounded ?? dinp,
        slot: rounded ? 'rounded' : 'dinp',
        // Without a rounded copy it is a sum in place.
        unmeasured: !rounded,
      },
    );
  }
}
