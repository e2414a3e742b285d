import type { NumericsView } from '../../../store/numericsStore.ts';

export const VIEW_WORDS: Readonly<Record<NumericsView, string>> = {
  gradients: 'Gradients',
  weights: 'Weights',
  activations: 'Activations',
};
