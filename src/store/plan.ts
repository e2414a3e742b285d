import {
  type DeeperLevel,
  EngineError,
  inMode,
  type LargestBatch,
  type MemoryBytes,
  mostTokens,
  type PlanLimits,
  REFERENCE_MODE,
  type TrainConfig,
  type VariantId,
  VOCABULARY_PADDING,
} from '../engine/index.ts';
import type { AdapterReport } from '../session/protocol.ts';
import { isSaved, type Saving } from './savedRun.ts';
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

/** All that a plan depends on. */
export interface PlanInputs {
  readonly settings: Settings;
  readonly ownText: OwnText;
  readonly adapter: AdapterReport;
  readonly saving: Saving;
}

type Planner = typeof import('./planner.ts');

/** What plans are made with. Null until it is loaded: then no memory is known, and the engine checks what is trained. */
let planner: Planner | null = null;

/** Loads what plans are made with, which is no part of the page's first script: before an adapter is looked for. */
export async function loadPlanner(): Promise<void> {
  planner ??= await import('./planner.ts');
}

/**
 * The vocabulary to plan with. The plan pads it, so that any below 128 characters, as of all built-in texts, needs the
 * same memory.
 */
export function plannedVocabulary({ settings, ownText }: Pick<PlanInputs, 'settings' | 'ownText'>): number {
  const { tokenizer } = firstConfig(settings);
  const tokens = mostTokens(tokenizer);
  if (tokens !== null) return tokens;
  const own = settings.text === 'own' && ownText.state === 'ready';
  return own ? ownText.facts.vocabulary : VOCABULARY_PADDING;
}

/** The adapter's limits, and whether the run would be saved: a saved run has a copy of its state on the GPU. */
function limitsOf({ planLimits }: Planner, { settings, adapter, saving }: PlanInputs): PlanLimits {
  return { ...planLimits(adapter.limits), saved: isSaved(saving, settings.modes.length * settings.seeds) };
}

/**
 * The memory that each mode's run will allocate, by the engine's own plan, before anything is allocated.
 * @throws EngineError when the settings are invalid or a tensor exceeds the adapter's limit
 */
export function plannedMemory(inputs: PlanInputs): MemoryBytes[] {
  if (!planner) return [];
  const { memoryPlan } = planner;
  const vocabulary = plannedVocabulary(inputs);
  const limits = limitsOf(planner, inputs);
  return configsOf(inputs.settings).map((config) => memoryPlan(config, vocabulary, limits).bytes);
}

/** Number of trained values of a model; null while plans cannot be made. */
export function plannedParameters(config: TrainConfig, vocabulary: number): number | null {
  return planner ? planner.parameterCount(planner.gptConfig(config, vocabulary)) : null;
}

/** Bytes of the largest buffer that the adapter binds; null while that is not known. */
export function bindingLimit({ limits }: AdapterReport): number | null {
  return planner?.planLimits(limits).maxBindingBytes ?? null;
}

export interface ModeEstimate {
  readonly mode: VariantId;
  readonly bytes: MemoryBytes;
  /** Memory of the same run in FP32. */
  readonly fp32: MemoryBytes;
  readonly largest: { readonly name: string; readonly bytes: number };
}

/**
 * The memory that each mode's run would take, even if the adapter does not allow it; empty when no plan can be made.
 */
export function memoryEstimates(inputs: PlanInputs): readonly ModeEstimate[] {
  if (!planner) return [];
  const { byteLength, memoryEstimate } = planner;
  const vocabulary = plannedVocabulary(inputs);
  const limits = limitsOf(planner, inputs);
  try {
    return runsOf({ ...inputs.settings, seeds: 1 }).map(({ mode, config }) => {
      const { bytes, largest } = memoryEstimate(config, vocabulary, limits);
      const fp32 = memoryEstimate(inMode(config, REFERENCE_MODE), vocabulary, limits).bytes;
      return { mode, bytes, fp32, largest: { name: largest.name, bytes: byteLength(largest) } };
    });
  } catch (cause) {
    if (cause instanceof EngineError) return []; // `planProblem` reports the reason
    throw cause;
  }
}

/**
 * The largest micro-batch that every mode can have on the adapter, when the chosen one is too large; otherwise null.
 */
export function microBatchThatFits(inputs: PlanInputs): number | null {
  const { settings } = inputs;
  if (!planner || settingsProblem(settings) || !planProblem(inputs)) return null;
  const { fittingMicroBatch } = planner;
  const limits = limitsOf(planner, inputs);
  const vocabulary = plannedVocabulary(inputs);
  try {
    const fits = configsOf({ ...settings, seeds: 1 }).map((config) =>
      fittingMicroBatch(config, vocabulary, limits),
    );
    const least = Math.min(...fits);
    return least > 0 ? least : null;
  } catch (cause) {
    if (cause instanceof EngineError) return null; // a parameter alone is too large
    throw cause;
  }
}

/**
 * The largest batch of each mode whose run takes at most `budgetBytes`, with all other settings unchanged, and the
 * first deeper recompute level that allows more.
 * @throws EngineError LIMIT_EXCEEDED when the model itself does not fit the adapter
 */
export function batchesWithin(
  inputs: PlanInputs,
  modes: readonly VariantId[],
  budgetBytes: number,
): { mode: VariantId; found: LargestBatch; deeper: DeeperLevel | null }[] {
  if (!planner) return [];
  const { deeperLevelFor, largestBatch } = planner;
  const vocabulary = plannedVocabulary(inputs);
  const limits = limitsOf(planner, inputs);
  return modes.map((mode) => {
    const config = inMode(firstConfig(inputs.settings), mode);
    const found = largestBatch(config, vocabulary, limits, budgetBytes);
    const limited = found.limitedBy === 'budget';
    const deeper = limited ? deeperLevelFor(found.batch, config, vocabulary, limits, budgetBytes) : null;
    return { mode, found, deeper };
  });
}

type MaybeInputs = Omit<PlanInputs, 'adapter'> & { readonly adapter: AdapterReport | null };

/** The memory of each run, and the reason why the settings cannot be trained here: then none is planned. */
export function planOf({ adapter, ...inputs }: MaybeInputs): {
  readonly problem: Problem | null;
  readonly memory: readonly MemoryBytes[];
} {
  let memory: readonly MemoryBytes[] = [];
  const problem =
    settingsProblem(inputs.settings) ??
    (adapter &&
      problemOf(() => {
        memory = plannedMemory({ ...inputs, adapter });
      }));
  return { problem, memory };
}

/** The reason why the settings cannot be trained here; null when they can be tried. */
export function planProblem(inputs: MaybeInputs): Problem | null {
  return planOf(inputs).problem;
}
