/** What the bytes of a run are for. */
export const MEMORY_CATEGORIES = [
  'masterWeights',
  'computeWeights',
  'gradients',
  'optimizer',
  'activations',
  'activationGradients',
  'logits',
  'batch',
  'state',
  'snapshot',
] as const;
export type MemoryCategory = (typeof MEMORY_CATEGORIES)[number];
/** Of a run, by category. */
export type MemoryBytes = Readonly<Record<MemoryCategory, number>> & { readonly total: number };
