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
] as const;
export type MemoryCategory = (typeof MEMORY_CATEGORIES)[number];
