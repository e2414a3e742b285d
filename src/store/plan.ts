import { type MemoryBytes, memoryPlan, planLimits } from '../engine/memoryPlan.ts';
import { VOCABULARY_PADDING } from '../engine/model/config.ts';
import type { AdapterReport } from '../session/protocol.ts';
import { configsOf, type Problem, problemOf, type Settings, settingsProblem } from './settings.ts';
import type { OwnText } from './settingsStore.ts';

/**
 * What each mode's run will allocate on the adapter, before anything is allocated: the engine's own plan.
 * @throws EngineError where the settings cannot be right or a tensor passes the adapter's limit
 */
export function plannedMemory(settings: Settings, ownText: OwnText, adapter: AdapterReport): MemoryBytes[] {
  const limits = planLimits(adapter.limits);
  // The plan pads the vocabulary, so that any below 128 characters, as all built-in texts have, needs the same.
  const own = settings.text === 'own' && ownText.state === 'ready';
  const vocabulary = own ? ownText.facts.vocabulary : VOCABULARY_PADDING;
  return configsOf(settings).map((config) => memoryPlan(config, vocabulary, limits).bytes);
}

/** Why the settings cannot be trained with here; null when they can be tried. */
export function planProblem(
  settings: Settings,
  ownText: OwnText,
  adapter: AdapterReport | null,
): Problem | null {
  return settingsProblem(settings) ?? (adapter && problemOf(() => plannedMemory(settings, ownText, adapter)));
}
