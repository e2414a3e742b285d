/** A configuration with the values that it leaves to its precision mode. */
import { delayedScaling } from '../precision/recipe.ts';
import { recipeFor } from '../precision/recipes.ts';
import { DEFAULT_ROUNDING, isSimulatedMode } from '../precision/simulated.ts';
import { scalingOf, type TrainConfig } from './trainConfig.ts';

/**
 * Equal for configurations that train alike, whether a value was given or left to the mode. What the mode does not take is
 * null.
 */
export function filledIn(config: TrainConfig): TrainConfig {
  const scaling = scalingOf(config);
  const delayed = delayedScaling(recipeFor(config));
  const initialScale = scaling.kind === 'dynamic' ? scaling.initialScale : null;
  return {
    ...config,
    rounding: isSimulatedMode(config.precision) ? (config.rounding ?? DEFAULT_ROUNDING) : null,
    lossScale: scaling.kind === 'static' ? scaling.scale : initialScale,
    growthInterval: scaling.kind === 'dynamic' ? scaling.growthInterval : null,
    amaxHistory: delayed?.historyLength ?? null,
    amaxAlgorithm: delayed?.algorithm ?? null,
    scaleMargin: delayed?.margin ?? null,
  };
}
