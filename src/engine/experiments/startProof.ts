/** Whether runs that are compared began alike. */
import type { TrainConfig } from '../config/trainConfig.ts';
import type { StartChecksums } from '../train/start.ts';

/** A run as far as its start is concerned; `facts` are null until it has started. */
interface StartedRun {
  readonly config: TrainConfig;
  readonly facts: { readonly start: StartChecksums } | null;
}

export interface StartProof {
  /** Of the first seed; null where the runs of a seed differ. */
  readonly start: StartChecksums | null;
  readonly seeds: number;
}

/** Whether the runs of every seed began with the same weights and batches; null before two of a seed have begun. */
export function startProof(runs: readonly StartedRun[]): StartProof | null {
  const begun = runs.flatMap(({ config, facts }) => (facts ? [{ seed: config.seed, ...facts.start }] : []));
  const seeds = [...new Set(begun.map(({ seed }) => seed))];
  const groups = seeds.map((seed) => begun.filter((run) => run.seed === seed));
  const [first] = groups[0] ?? [];
  if (!first || !groups.some((group) => group.length > 1)) return null;
  const alike = groups.every((group) =>
    group.every(({ weights, batches }) => weights === group[0]!.weights && batches === group[0]!.batches),
  );
  return { start: alike ? { weights: first.weights, batches: first.batches } : null, seeds: seeds.length };
}
