import { type MlpKind, mlpWidth } from '../../config/gptConfig.ts';
import { isScaled } from '../../gpu/tensor.ts';
import { dropoutAt } from '../dropout.ts';
import { activation, type Stored } from '../emission.ts';
import { INITIAL_STD, type ParameterSpec } from '../parameters.ts';
import type { Pass, Place } from '../pass.ts';
import type { Site } from '../site.ts';
import type { GradientPlace, Value } from '../value.ts';
import type { Layer } from './layer.ts';
import { Linear } from './linear.ts';

/** Two linear layers with an activation function between them, added to the residual stream. */
export class Mlp implements Layer {
  readonly site: Site;
  readonly #kind: MlpKind;
  readonly #hidden: number;
  readonly #input: Linear;
  readonly #projection: Linear;

  /** @param projectionStd standard deviation of the second layer's initial weights */
  constructor(
    site: Site,
    {
      width,
      projectionStd,
      kind,
    }: { readonly width: number; readonly projectionStd: number; readonly kind: MlpKind },
  ) {
    this.site = site;
    this.#kind = kind;
    this.#hidden = mlpWidth({ width });
    this.#input = new Linear(site.at('c_fc'), width, this.#hidden, INITIAL_STD);
    this.#projection = new Linear(site.at('c_proj'), this.#hidden, width, projectionStd);
  }

  parameters(): ParameterSpec[] {
    return [...this.#input.parameters(), ...this.#projection.parameters()];
  }

  get multiplyAdds(): number {
    return this.#input.multiplyAdds + this.#projection.multiplyAdds;
  }

  /** Emits residual + MLP(x), (rows, C), which the next block reads. */
  forward(pass: Pass, x: Value, { residual }: { readonly residual: Value }): Value {
    const { site } = this;
    const hidden = this.#activation(pass, x);
    const { site: projection } = this.#projection;
    const sum = pass.stream(projection, true);
    const gradient = pass.residualGradient(projection, residual.gradient);
    this.#projection.forward(
      pass,
      hidden,
      sum,
      gradient,
      { residual: residual.operand, dropout: dropoutAt(pass, projection) },
      activation(site, sum, 'out', `residual after ${site.name}`),
    );
    return { operand: sum, gradient };
  }

  /** Emits the activation of the first layer, (rows, hidden): in its epilogue, or in a kernel of its own if the pre-activation has a scale. */
  #activation(pass: Pass, x: Value): Value {
    const { site: inputSite } = this.#input;
    const site = this.site.at(this.#kind);
    const elements = pass.rows * this.#hidden;
    const pre = pass.place(inputSite, 'preActivation', elements);
    const place = pass.place(site, 'activation', elements, 'gelu');
    const between = { kind: this.#kind, preActivation: pre.operand };
    const isFused = !isScaled(pre.operand);
    const gradient: GradientPlace = {
      site: inputSite,
      // Without fusion it shares the tensor that is quantised next, which holds nothing else at that time.
      tensor: isFused
        ? pass.scratch('mlp.c_fc gradient', pass.written('outputGradient', inputSite), elements)
        : pass.wide('outputGradient', inputSite, elements),
      activationBackward: between,
      listed: isFused ? 'stored' : 'quantised',
      collected: { written: false },
    };
    const activate = (place: Place, ...stores: Stored[]) =>
      pass.store(
        'activation',
        site,
        place,
        elements,
        (target, { activationForward }, out) =>
          activationForward(target, { label: site.name, ...between, out, elements }),
        ...stores,
      );
    const storedPre = (slot: string) => activation(inputSite, pre.operand, slot);
    if (isFused) {
      this.#input.forward(
        ...([pass, x, place.operand, gradient, { activation: between }] as const),
        storedPre('preActivation'),
        activation(site, place.operand),
      );
    } else {
      const wide = pass.wide('preActivation', inputSite, elements);
      this.#input.forward(pass, x, wide, gradient);
      pass.quantize(inputSite.name, wide, pre.operand, elements, storedPre('out'));
      activate(place, activation(site, place.operand));
    }
    const { operand, saved } = place;
    return { operand, saved, gradient, remake: pass.remakerOf(place, (place) => activate(place)) };
  }
}
