/** Texts of the memory panel, loaded when it is opened. */
import { MEMORY_CATEGORIES, type MemoryBytes, type MemoryCategory } from '../../../engine/index.ts';

export const CATEGORY_WORDS: Readonly<Record<MemoryCategory, string>> = {
  masterWeights: 'Master weights',
  computeWeights: 'Compute copy',
  gradients: 'Gradients',
  optimizer: 'Optimizer states',
  activations: 'Activations',
  activationGradients: 'Activation gradients',
  logits: 'Logits',
  batch: 'Batch',
  state: 'State',
  snapshot: 'Copy for saving',
};

const MIB = 2 ** 20;

/** Categories that are added up in the sentence about savings. */
const PARTS: readonly (readonly [string, readonly MemoryCategory[]])[] = [
  ['activations and their gradients', ['activations', 'activationGradients']],
  ['weight copies', ['computeWeights']],
  ['weights', ['masterWeights']],
  ['gradients', ['gradients']],
  ['optimizer', ['optimizer']],
  ['logits', ['logits']],
  ['copy for saving', ['snapshot']],
  ['the rest', ['batch', 'state']],
];

/**
 * "Mixed f16 saves 10.8 MiB against FP32: activations and their gradients −12.4, weight copies +1.6." A format that
 * saves in one place may cost in another, and the sum is the difference of the totals.
 */
export function savingSentence(title: string, bytes: MemoryBytes, fp32: MemoryBytes): string {
  const tenths = (value: number) => Math.round((value / MIB) * 10);
  const saved = fp32.total - bytes.total;
  const parts = PARTS.map(([name, categories]) => {
    const change = categories.reduce((sum, category) => sum + bytes[category] - fp32[category], 0);
    return { name, change: tenths(change) };
  }).filter(({ change }) => change !== 0);
  if (tenths(saved) === 0 && parts.length === 0) return `${title} takes as much memory as FP32.`;
  const verb = saved < 0 ? 'adds' : 'saves';
  const items = parts.map(
    ({ name, change }) => `${name} ${change < 0 ? '−' : '+'}${(Math.abs(change) / 10).toFixed(1)}`,
  );
  return `${title} ${verb} ${(Math.abs(saved) / MIB).toFixed(1)} MiB against FP32: ${items.join(', ')}.`;
}

/** The categories of a plan that are not empty, in their usual order. */
export function filledCategories(bytes: MemoryBytes): readonly MemoryCategory[] {
  return MEMORY_CATEGORIES.filter((category) => bytes[category] > 0);
}
