/** Decay rates of an optimizer's states, and conditions of how they are kept, as kernels read them. */
import type { MomentFormats } from '../../precision/optimStates.ts';

interface Rates {
  readonly beta1: number;
  readonly beta2: number;
}

/** Lion's two rates. */
export function decayRates({ beta1, beta2 }: Rates) {
  return { beta1, oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2 };
}

/** How the moments are kept, as far as an update reads it. */
export type KeptMoments = Pick<MomentFormats, 'rounding' | 'scale' | 'scaleKind' | 'floor' | 'hypot'>;

/** What `nextMoments` of shaders/lib/moments.wgsl is given: h of hAdam has rates of its own. */
export function momentRates({ beta1, beta2 }: Rates, { hypot }: Pick<KeptMoments, 'hypot'>) {
  return {
    ...{ beta1, oneMinusBeta1: 1 - beta1 },
    secondDecay: hypot ? Math.sqrt(beta2) : beta2,
    secondShare: hypot ? 1 - beta1 : 1 - beta2,
  };
}

/** Conditions of shaders/lib/moments.wgsl. */
export function momentConditions({ rounding, scale, scaleKind, floor, hypot }: KeptMoments) {
  return {
    stochasticMoments: rounding === 'stochastic',
    scaledMoments: scale === 'parameter',
    f32Scales: scale === 'parameter' && scaleKind === 'f32',
    flooredMoments: floor === true,
    groupedMoments: scale === 'group',
    hypotMoments: hypot === true,
  };
}
