/** Checks that compared runs started identically. */
import type { TrainConfig } from '../config/trainConfig.ts';
import type { StartChecksums } from '../train/start.ts';

/** The part of a run that describes its start; `facts` are null until it has started. */
interface StartedRun {
  readonly config: TrainConfig;
  readonly facts: { readonly start: StartChecksums } | null;
}

export interface StartProof {
  /** Checksums of the first seed; null when runs of the same seed differ. */
  readonly start: StartChecksums | null;
  readonly seeds: number;
}

/** Checks that the runs of each seed started with the same weights and batches; null until two runs of a seed have started. */
export function startProof(runs: readonly StartedRun[]): StartProof | null {
  const started = runs.flatMap(({ config, facts }) => (facts ? [{ seed: config.seed, ...facts.start }] : []));
  const seeds = [...new Set(started.map(({ seed }) => seed))];
  const groups = seeds.map((seed) => started.filter((run) => run.seed === seed));
  const [first] = groups[0] ?? [];
  if (!first || !groups.some((group) => group.length > 1)) return null;
  const identical = groups.every((group) =>
    group.every(({ weights, batches }) => weights === group[0]!.weights && batches === group[0]!.batches),
  );
  return {
    start: identical ? { weights: first.weights, batches: first.batches } : null,
    seeds: seeds.length,
  };
}
