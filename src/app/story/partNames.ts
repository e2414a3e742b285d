/** The parts of the model in words. Names of tensors are for those who train them. */

/** What each part does, by its name in checkpoints. */
export const PARTS: Readonly<Record<string, { readonly name: string; readonly does: string }>> = {
  wte: { name: 'Embedding', does: 'turns letters into numbers' },
  attn: { name: 'Attention', does: 'looks back at earlier letters' },
  mlp: { name: 'MLP', does: 'works on each letter' },
  logits: { name: 'Head', does: 'guesses the next letter' },
};

/** "attention of block 2" for `h.1.attn.c_attn gradient`; the tensor's own name where no part is known. */
export function partName(tensor: string): string {
  const block = /\bh\.(\d+)\./.exec(tensor)?.[1];
  const part = Object.keys(PARTS).find((key) => new RegExp(`\\b${key}\\b`).test(tensor));
  const name =
    part === undefined ? (/\bresidual\b/.test(tensor) ? 'what blocks pass on' : tensor) : PARTS[part]!.name;
  const words = name === 'MLP' || name === tensor ? name : name.toLowerCase();
  return block === undefined ? `the ${words}` : `${words} of block ${Number(block) + 1}`;
}
