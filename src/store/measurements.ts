/** Measurements that a visitor can start while nothing trains. */
import { inMode, type VariantId } from '../engine/index.ts';
import { send } from './actions.ts';
import {
  type BatchSearch,
  benchmarkStarted,
  isSearching,
  measuringCancelled,
  searchesStarted,
} from './measurementStore.ts';
import { batchesWithin, plannedVocabulary } from './plan.ts';
import { useRun } from './runStore.ts';
import { useSavedRun } from './savedRun.ts';
import { firstConfig } from './settings.ts';
import { useSettings } from './settingsStore.ts';

let ids = 0;

/** Starts the benchmark, which takes about five seconds. */
export function startBenchmark(): void {
  benchmarkStarted();
  send({ type: 'benchmark' });
}

/** Cancels the benchmark or the batch search; results so far are kept. */
export function cancelMeasuring(): void {
  measuringCancelled();
  send({ type: 'cancelMeasuring' });
}

/**
 * Searches the largest batch of each mode within the budget and confirms each by a step on the GPU.
 * @throws EngineError LIMIT_EXCEEDED when the model itself does not fit the adapter
 */
export function searchBatches(modes: readonly VariantId[], budgetBytes: number): void {
  const { settings, ownText } = useSettings.getState();
  const { adapter } = useRun.getState();
  if (!adapter) return;
  const inputs = { settings, ownText, adapter, saving: useSavedRun.getState() };
  const searches = batchesWithin(inputs, modes, budgetBytes).map(
    (row): BatchSearch => ({
      ...row,
      id: ids++,
      step: { state: row.found.batch > 0 ? 'waiting' : 'needless' },
    }),
  );
  searchesStarted(searches);
  const vocabulary = plannedVocabulary(inputs);
  for (const { id, mode, found } of searches.filter(isSearching)) {
    const config = inMode(firstConfig(settings), mode);
    send({ type: 'confirmBatch', id, config: { ...config, batch: found.batch }, vocabulary });
  }
}
