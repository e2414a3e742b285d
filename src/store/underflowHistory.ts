import {
  bandsOf,
  type FormatId,
  flushedShare,
  frameLosses,
  isScaledOperand,
  type NumericsFrame,
} from '../engine/index.ts';

const FIRST_CAPACITY = 64;

/** Share of a run's gradients that its own format and scale flushed to zero, by layer and probed step. */
export class UnderflowHistory {
  length = 0;
  /** The blocks and, as the last row, everything outside them: the final norm and the logits. */
  readonly layers: number;
  readonly #format: FormatId;
  #steps = new Uint32Array(FIRST_CAPACITY);
  /** (length, layers); NaN where all gradients of the layer are zero. */
  #shares: Float32Array<ArrayBuffer>;

  constructor(blocks: number, format: FormatId) {
    this.layers = blocks + 1;
    this.#format = format;
    this.#shares = new Float32Array(FIRST_CAPACITY * this.layers);
  }

  push(frame: NumericsFrame): void {
    if (this.length === this.#steps.length) this.#grow();
    const bands = bandsOf(this.#format);
    for (let layer = 0; layer < this.layers; layer++) {
      const of = layer === this.layers - 1 ? null : layer;
      const losses = frameLosses(
        frame,
        Math.log2(frame.scale),
        bands,
        (row) => isScaledOperand(row) && row.layer === of,
      );
      this.#shares[this.length * this.layers + layer] = flushedShare(losses) ?? Number.NaN;
    }
    this.#steps[this.length] = frame.step;
    this.length += 1;
  }

  step(index: number): number {
    return this.#steps[index]!;
  }

  /** Null when all gradients of the layer are exactly zero, so that none can be flushed. */
  share(index: number, layer: number): number | null {
    const share = this.#shares[index * this.layers + layer]!;
    return Number.isNaN(share) ? null : share;
  }

  #grow(): void {
    const steps = new Uint32Array(this.#steps.length * 2);
    steps.set(this.#steps);
    const shares = new Float32Array(this.#shares.length * 2);
    shares.set(this.#shares);
    this.#steps = steps;
    this.#shares = shares;
  }
}
