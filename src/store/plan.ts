import {
  byteLength,
  type DeeperLevel,
  deeperLevelFor,
  EngineError,
  fittingMicroBatch,
  inMode,
  type LargestBatch,
  largestBatch,
  type MemoryBytes,
  memoryEstimate,
  memoryPlan,
  mostTokens,
  type PlanLimits,
  planLimits,
  type VariantId,
  VOCABULARY_PADDING,
} from '../engine/index.ts';
import type { AdapterReport } from '../session/protocol.ts';
import { isSaved } from './savedRun.ts';
import {
  configsOf,
  firstConfig,
  type Problem,
  problemOf,
  runsOf,
  type Settings,
  settingsProblem,
} from './settings.ts';
import type { OwnText } from './settingsStore.ts';

/** The plan pads the vocabulary, so that any below 128 characters, as all built-in texts have, needs the same. */
export function plannedVocabulary(settings: Settings, ownText: OwnText): number {
  const { tokenizer } = firstConfig(settings);
  const tokens = mostTokens(tokenizer);
  if (tokens !== null) return tokens;
  const own = settings.text === 'own' && ownText.state === 'ready';
  return own ? ownText.facts.vocabulary : VOCABULARY_PADDING;
}

/** What the adapter allows, and whether the runs would be saved: then each has a copy of its state beside it. */
function limitsOf(settings: Settings, adapter: AdapterReport): PlanLimits {
  return { ...planLimits(adapter.limits), saved: isSaved(settings.modes.length * settings.seeds) };
}

/**
 * What each mode's run will allocate on the adapter, before anything is allocated: the engine's own plan.
 * @throws EngineError where the settings cannot be right or a tensor passes the adapter's limit
 */
export function plannedMemory(settings: Settings, ownText: OwnText, adapter: AdapterReport): MemoryBytes[] {
  const vocabulary = plannedVocabulary(settings, ownText);
  const limits = limitsOf(settings, adapter);
  return configsOf(settings).map((config) => memoryPlan(config, vocabulary, limits).bytes);
}

export interface ModeEstimate {
  readonly mode: VariantId;
  readonly bytes: MemoryBytes;
  /** Of the same run in FP32. */
  readonly fp32: MemoryBytes;
  readonly largest: { readonly name: string; readonly bytes: number };
}

/** What each mode's run would take, even where the adapter does not allow it; empty where no plan can be made. */
export function memoryEstimates(
  settings: Settings,
  ownText: OwnText,
  adapter: AdapterReport,
): readonly ModeEstimate[] {
  const vocabulary = plannedVocabulary(settings, ownText);
  const limits = limitsOf(settings, adapter);
  try {
    return runsOf({ ...settings, seeds: 1 }).map(({ mode, config }) => {
      const { bytes, largest } = memoryEstimate(config, vocabulary, limits);
      const fp32 = memoryEstimate(inMode(config, 'fp32'), vocabulary, limits).bytes;
      return { mode, bytes, fp32, largest: { name: largest.name, bytes: byteLength(largest) } };
    });
  } catch (cause) {
    if (cause instanceof EngineError) return []; // `planProblem` has the reason
    throw cause;
  }
}

/** The largest micro-batch that every mode can have on the adapter, where the chosen one is too large; else null. */
export function microBatchThatFits(
  settings: Settings,
  ownText: OwnText,
  adapter: AdapterReport,
): number | null {
  if (settingsProblem(settings) || !planProblem(settings, ownText, adapter)) return null;
  const vocabulary = plannedVocabulary(settings, ownText);
  try {
    const fits = configsOf({ ...settings, seeds: 1 }).map((config) =>
      fittingMicroBatch(config, vocabulary, limitsOf(settings, adapter)),
    );
    const least = Math.min(...fits);
    return least > 0 ? least : null;
  } catch (cause) {
    if (cause instanceof EngineError) return null; // a parameter alone is too large
    throw cause;
  }
}

/**
 * The largest batch of each mode whose run takes at most `budgetBytes`, everything else as in the settings, and the
 * first deeper level of recomputing that allows more.
 * @throws EngineError LIMIT_EXCEEDED when the model itself does not fit the adapter
 */
export function batchesWithin(
  settings: Settings,
  ownText: OwnText,
  adapter: AdapterReport,
  modes: readonly VariantId[],
  budgetBytes: number,
): { mode: VariantId; found: LargestBatch; deeper: DeeperLevel | null }[] {
  const vocabulary = plannedVocabulary(settings, ownText);
  const limits = limitsOf(settings, adapter);
  return modes.map((mode) => {
    const config = inMode(firstConfig(settings), mode);
    const found = largestBatch(config, vocabulary, limits, budgetBytes);
    const limited = found.limitedBy === 'budget';
    const deeper = limited ? deeperLevelFor(found.batch, config, vocabulary, limits, budgetBytes) : null;
    return { mode, found, deeper };
  });
}

/** Why the settings cannot be trained with here; null when they can be tried. */
export function planProblem(
  settings: Settings,
  ownText: OwnText,
  adapter: AdapterReport | null,
): Problem | null {
  return settingsProblem(settings) ?? (adapter && problemOf(() => plannedMemory(settings, ownText, adapter)));
}
