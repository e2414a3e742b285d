import {
  type Bands,
  bandsOf,
  type FormatId,
  flushedShare,
  frameLosses,
  isScaledOperand,
  lossesAt,
  type NumericsFrame,
  rowCounts,
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
  /** By probed step, the gradient of which most was flushed. */
  readonly #worst: (string | null)[] = [];

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
    this.#worst.push(mostFlushed(frame, bands));
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

  /** Name of the gradient of which the largest share was flushed; null when nothing was. */
  worst(index: number): string | null {
    return this.#worst[index] ?? null;
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

/** Of equal shares that of the later layer, which backward passes first. */
function mostFlushed(frame: NumericsFrame, bands: Bands): string | null {
  let worst: { readonly name: string; readonly share: number } | null = null;
  for (const [i, row] of frame.rows.entries()) {
    if (!isScaledOperand(row)) continue;
    const share = flushedShare(lossesAt(rowCounts(frame, i), 0, bands)) ?? 0;
    if (share > 0 && share >= (worst?.share ?? 0)) worst = { name: row.name, share };
  }
  return worst?.name ?? null;
}
