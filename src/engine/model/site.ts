/** As in GPT-2's checkpoints. */
export function blockName(block: number): string {
  return `h.${block}`;
}

/** Where a layer lies in the model. The one place that writes the names of a block's parts. */
export class Site {
  /** Null outside of all blocks: embeddings, the final norm, the head. */
  readonly block: number | null;
  /** The name within the block, as `attn.c_attn`. */
  readonly part: string;
  /** As `h.3.attn.c_attn`. */
  readonly name: string;

  constructor(block: number | null, part: string) {
    this.block = block;
    this.part = part;
    this.name = block === null ? part : `${blockName(block)}.${part}`;
  }

  /** A part of this one, as `attn` has `attn.c_attn`. */
  at(part: string): Site {
    return new Site(this.block, `${this.part}.${part}`);
  }

  /** Something of this place that is no part of it, as the input of `ln_1`. */
  labelled(what: string): Site {
    return new Site(this.block, `${this.part} ${what}`);
  }
}
