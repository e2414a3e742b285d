/** The kernel of Lion, and the rule that dispatches it. */
import { dispatch } from '../../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../../gpu/operation.ts';
import type { OptimizerRule, UpdatePart, UpdateSettings } from './rule.ts';

export interface LionArgs
  extends Omit<UpdatePart, 'states' | 'groups'>,
    Pick<UpdateSettings, 'beta1' | 'beta2' | 'weightDecay' | 'rateFactor' | 'masterRounding' | 'state'> {
  readonly m: UpdatePart['gradient'];
  readonly moments: Pick<UpdateSettings['moments'], 'rounding'>;
  readonly label: string;
}

export function lion(target: Target, args: LionArgs): Dispatch {
  const { gradient, master, m, compute, low, state, moments, masterRounding, label } = args;
  const { beta1, beta2, weightDecay, rateFactor, seed } = args;
  const vectors = args.elements / 4;
  return dispatch(target, 'lion', {
    operands: { gradient, master, momentum: m, compute },
    tensors: { state, low },
    writes: ['master', 'momentum', 'compute', 'low'],
    uniforms: {
      ...{ vectors, decayed: args.decayedElements / 4, first: args.first / 4 },
      ...{ beta1, oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2 },
      ...{ weightDecay, rateFactor, seed },
    },
    conditions: {
      stochasticMomentum: moments.rounding === 'stochastic',
      computeCopy: compute !== undefined,
      splitMaster: low !== undefined,
      stochasticMaster: masterRounding === 'stochastic',
    },
    grid: linearGrid(vectors, 64),
    label,
  });
}

export const lionRule: OptimizerRule = {
  states: [{ name: 'm', filePrefix: 'lion.m.', role: 'firstMoment' }],
  optimStates: ['f32', 'bf16'],
  takesWholeParameters: () => false,
  scratch: () => [],
  update: (target, { label, parts }, settings) =>
    parts.map(({ states, ...part }) => lion(target, { label, ...part, m: states.m!, ...settings })),
};
