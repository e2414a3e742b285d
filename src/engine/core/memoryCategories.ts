/** The categories that the memory plan of a run is split into. */
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
/** The bytes of a run by category. */
export type MemoryBytes = Readonly<Record<MemoryCategory, number>> & { readonly total: number };
