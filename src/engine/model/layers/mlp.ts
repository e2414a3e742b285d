import { MLPS, type MlpKind } from '../../config/gptConfig.ts';
import { isScaled } from '../../gpu/tensor.ts';
import { smoothScales } from '../../precision/smoothSwiglu.ts';
import { activation, type Stored } from '../emission.ts';
import type { ParameterSpec } from '../parameters.ts';
import type { Pass } from '../pass.ts';
import type { Place } from '../place.ts';
import type { Site } from '../site.ts';
import type { GradientPlace, Value } from '../value.ts';
import type { Layer } from './layer.ts';
import { Linear } from './linear.ts';
import { ResidualBranch } from './residualBranch.ts';

export interface MlpOptions {
  readonly width: number;
  /** Width between the two layers, I. */
  readonly hidden: number;
  readonly kind: MlpKind;
  readonly bias: boolean;
  /** Standard deviation of the second layer's initial weights. */
  readonly projectionStd: number;
  readonly layerScale: number | null;
}

/**
 * Two linear layers with an activation function between them, added to the residual stream. In a gated MLP the first layer
 * has 2 I outputs, gate and then up, and the second reads activation(gate) * up.
 */
export class Mlp implements Layer {
  readonly site: Site;
  readonly #kind: MlpKind;
  readonly #hidden: number;
  readonly #input: Linear;
  readonly #projection: ResidualBranch;

  constructor(site: Site, { width, hidden, kind, bias, projectionStd: std, layerScale }: MlpOptions) {
    this.site = site;
    this.#kind = kind;
    this.#hidden = hidden;
    this.#input = new Linear(site.at('c_fc'), width, MLPS[kind].gated ? [hidden, hidden] : hidden, { bias });
    this.#projection = new ResidualBranch(site, hidden, width, { std, bias, layerScale });
  }

  parameters(): ParameterSpec[] {
    return [...this.#input.parameters(), ...this.#projection.parameters()];
  }

  get multiplyAdds(): number {
    return this.#input.multiplyAdds + this.#projection.multiplyAdds;
  }

  /** Emits residual + MLP(x), (rows, C), which the next block reads. */
  forward(pass: Pass, x: Value, { residual }: { readonly residual: Value }): Value {
    return this.#projection.forward(pass, this.#activation(pass, x), residual, { endsBlock: true });
  }

  /**
   * Emits what the second layer reads, (rows, I): in the epilogue of the first, or in a kernel of its own if it or the
   * pre-activation has a scale, or the MLP is gated.
   */
  #activation(pass: Pass, x: Value): Value {
    const { site: inputSite, outputs } = this.#input;
    const site = this.site.at(this.#kind);
    const { gated, function: kind } = MLPS[this.#kind];
    const { rows, found } = pass;
    const pre = pass.place(inputSite, 'preActivation', rows * outputs);
    const given = gated ? smoothScales(pass.run.smoothSwiglu, this.#hidden) : undefined;
    const place = pass.place(site, 'activation', rows * this.#hidden, 'gelu', site, given);
    const between = { kind, preActivation: pre.operand };
    const isQuantized = isScaled(pre.operand);
    const isApart = isQuantized || gated || isScaled(place.operand);
    const gradient: GradientPlace = {
      site: inputSite,
      // With quantisation it shares the tensor that is quantised next, which holds nothing else at that time.
      tensor: isQuantized
        ? pass.wide('outputGradient', inputSite, rows * outputs)
        : pass.scratch('mlp.c_fc gradient', pass.written('outputGradient', inputSite), rows * outputs),
      activationBackward: { ...between, gated },
      listed: isQuantized ? 'quantised' : 'stored',
      collected: { written: false },
    };
    const storedPre = (slot: string) => activation(inputSite, pre.operand, slot);
    const stored = activation(site, place.operand);
    if (isQuantized) {
      const wide = pass.wide('preActivation', inputSite, rows * outputs);
      this.#input.forward(pass, x, wide, gradient);
      pass.quantize(inputSite.name, wide, pre.operand, rows * outputs, storedPre('out'));
    } else if (isApart) {
      this.#input.forward(pass, x, pre.operand, gradient, {}, storedPre('out'));
    } else {
      this.#input.forward(
        ...([pass, x, place.operand, gradient, { activation: between }] as const),
        storedPre('preActivation'),
        stored,
      );
    }
    const activate = (place: Place, checked: { readonly found?: Pass['found'] }, ...stores: Stored[]) => {
      if (given) {
        const { preActivation } = between;
        const args = { label: site.name, preActivation, out: place.operand, rows, width: this.#hidden };
        pass.emit((target, { smoothScales }) => smoothScales(target, args));
      }
      pass.store(
        ...(['activation', site, place, rows * this.#hidden] as const),
        (target, { activationForward, gatedForward }, out) => {
          const args = { label: site.name, ...between, out };
          return gated
            ? gatedForward(target, { ...args, ...checked, rows, width: this.#hidden })
            : activationForward(target, { ...args, elements: rows * this.#hidden });
        },
        ...stores,
      );
    };
    if (isApart) activate(place, { found }, stored);
    const { operand, saved } = place;
    return { operand, saved, gradient, remake: pass.remakerOf(place, (place) => activate(place, {})) };
  }
}
