/** Name of a block in GPT-2 checkpoints. */
export function blockName(block: number): string {
  return `h.${block}`;
}

/** The place of a layer in the model. Only this class composes the names of a block's parts. */
export class Site {
  /** Null outside of all blocks: embeddings, the final norm, the head. */
  readonly block: number | null;
  /** The name within the block, such as `attn.c_attn`. */
  readonly part: string;
  /** The full name, such as `h.3.attn.c_attn`. */
  readonly name: string;

  constructor(block: number | null, part: string) {
    this.block = block;
    this.part = part;
    this.name = block === null ? part : `${blockName(block)}.${part}`;
  }

  /** A part of this site: `attn.c_attn` is a part of `attn`. */
  at(part: string): Site {
    return new Site(this.block, `${this.part}.${part}`);
  }

  /** A tensor that belongs to this site but is no part of it, such as the input of `ln_1`. */
  labelled(what: string): Site {
    return new Site(this.block, `${this.part} ${what}`);
  }
}
