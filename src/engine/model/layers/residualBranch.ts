import { rowBlocks } from '../../kernels/rows.ts';
import { isQuantized, keepsSource } from '../../precision/storage.ts';
import { dropoutAt } from '../dropout.ts';
import { activation } from '../emission.ts';
import { type ParameterSpec, vector } from '../parameters.ts';
import type { Pass } from '../pass.ts';
import { residualGradient } from '../residualGradient.ts';
import type { Site } from '../site.ts';
import { type GradientPlace, gradientLabel, gradientStores, type Value } from '../value.ts';
import type { Layer } from './layer.ts';
import { Linear, type LinearOptions } from './linear.ts';

export interface ResidualBranchOptions extends LinearOptions {
  /** Initial value of a learned factor for each channel; null for none. */
  readonly layerScale: number | null;
}

/** The last linear layer of attention or MLP, whose output is added to the residual stream, times a learned factor if there is one. */
export class ResidualBranch implements Layer {
  readonly site: Site;
  readonly #projection: Linear;
  readonly #scale: { readonly site: Site; readonly initial: number } | null;

  /** @param site of the part of the block that ends with it */
  constructor(site: Site, inputs: number, width: number, { layerScale, ...options }: ResidualBranchOptions) {
    this.site = site;
    this.#projection = new Linear(site.at('c_proj'), inputs, width, options);
    this.#scale = layerScale === null ? null : { site: site.at('scale'), initial: layerScale };
  }

  parameters(): ParameterSpec[] {
    const own = this.#projection.parameters();
    return this.#scale ? [...own, vector(this.#scale.site, this.#width, this.#scale.initial)] : own;
  }

  get multiplyAdds(): number {
    return this.#projection.multiplyAdds;
  }

  get #width(): number {
    return this.#projection.outputs;
  }

  /**
   * Emits residual + projection(x), (rows, C).
   * @param endsBlock whether the next block reads it
   */
  forward(pass: Pass, x: Value, residual: Value, { endsBlock }: { readonly endsBlock: boolean }): Value {
    const { site } = this;
    const { site: projection } = this.#projection;
    const sum = pass.stream(projection, endsBlock);
    const dropout = dropoutAt(pass, projection);
    // Else matmuls read what is scaled or dropped of it, which is rounded then.
    const isRead = this.#scale === null && dropout === undefined;
    const gradient = residualGradient(pass, projection, residual.gradient, isRead);
    const stored = activation(site, sum, 'out', `residual after ${site.name}`);
    if (!this.#scale) {
      this.#projection.forward(pass, x, sum, gradient, { residual: residual.operand, dropout }, stored);
      return { operand: sum, gradient };
    }
    const { rows, found } = pass;
    const width = this.#width;
    const shape = { rows, width, found };
    // The sum has the projection's own name.
    const at = projection.labelled('before layer scale');
    const branch = pass.save(at, pass.written('activation', projection), rows * width);
    const ofBranch = this.#gradientPlace(pass);
    this.#projection.forward(pass, x, branch, ofBranch, { dropout }, activation(projection, branch));
    const { site: scaleSite } = this.#scale;
    const { master: scale, gradient: dscale } = pass.part(scaleSite);
    pass.emit(
      (target, { scaleChannels }) =>
        scaleChannels(target, {
          ...{ label: scaleSite.name, inp: branch, scale, residual: residual.operand, out: sum, ...shape },
        }),
      stored,
    );
    pass.onBackward(() => {
      const { tensor: dsum } = gradient;
      if (dscale) {
        const partials = pass.partials(rowBlocks(rows) * width);
        const label = `${scaleSite.name} gradient`;
        pass.emit((target, { columnSum }) =>
          columnSum(target, { label, inp: dsum, factor: branch, partials, out: dscale, ...shape }),
        );
      }
      pass.emit(
        (target, { scaleChannels }) =>
          scaleChannels(target, {
            ...{ label: gradientLabel(ofBranch), inp: dsum, scale, out: ofBranch.tensor, ...shape },
          }),
        ...gradientStores(ofBranch, 'out'),
      );
    });
    return { operand: sum, gradient };
  }

  /** Where the gradient of the projection's output is collected: as matmuls read it, or to be quantised next. */
  #gradientPlace(pass: Pass): GradientPlace {
    const { site } = this.#projection;
    const elements = pass.rows * this.#width;
    const storage = pass.storage('outputGradient', site);
    const quantised = isQuantized(storage);
    return {
      site,
      // What the weight gradient reads must outlast the recomputation of the layer's input, which uses the wide tensor too.
      tensor:
        quantised && !keepsSource(storage)
          ? pass.wide('outputGradient', site, elements)
          : pass.scratch('scaled residual gradient', pass.written('outputGradient', site), elements),
      listed: quantised ? 'quantised' : 'stored',
      collected: { written: false },
    };
  }
}
