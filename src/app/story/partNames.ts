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
  const found = /\bh\.(\d+)\./.exec(tensor)?.[1];
  const block = found === undefined ? null : Number(found) + 1;
  if (/^residual\b/.test(tensor)) return `what ${block === null ? 'the head' : `block ${block}`} passes back`;
  const part = Object.keys(PARTS).find((key) => new RegExp(`\\b${key}\\b`).test(tensor));
  if (part === undefined) return tensor;
  const { name } = PARTS[part]!;
  const words = name === name.toUpperCase() ? name : name.toLowerCase();
  return block === null ? `the ${words}` : `${words} of block ${block}`;
}
