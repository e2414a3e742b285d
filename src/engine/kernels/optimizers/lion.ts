/** The kernel of Lion, and the rule that dispatches it. */
import { dispatch } from '../../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../../gpu/operation.ts';
import { masterBindings } from './masterBindings.ts';
import { decayRates } from './rates.ts';
import type { OptimizerRule, UpdatePart, UpdateSettings } from './rule.ts';

export interface LionArgs
  extends Omit<UpdatePart, 'states' | 'groups'>,
    Pick<UpdateSettings, 'beta1' | 'beta2' | 'weightDecay' | 'rateFactor' | 'masterRounding' | 'state'> {
  readonly m: UpdatePart['gradient'];
  readonly moments: Pick<UpdateSettings['moments'], 'rounding'>;
  readonly label: string;
}

export function lion(target: Target, args: LionArgs): Dispatch {
  const { gradient, m, state, moments, label, weightDecay, rateFactor, seed } = args;
  const vectors = args.elements / 4;
  const weights = masterBindings(args);
  return dispatch(target, 'lion', {
    operands: { gradient, momentum: m, ...weights.operands },
    tensors: { state, ...weights.tensors },
    writes: ['momentum', ...weights.writes],
    uniforms: {
      ...{ vectors, decayed: args.decayedElements / 4, first: args.first / 4 },
      ...decayRates(args),
      ...{ weightDecay, rateFactor, seed },
    },
    conditions: { stochasticMomentum: moments.rounding === 'stochastic', ...weights.conditions },
    grid: linearGrid(vectors, 64),
    label,
  });
}

export const lionRule: OptimizerRule = {
  states: [{ name: 'm', filePrefix: 'lion.m.', role: 'firstMoment' }],
  takesWholeParameters: () => false,
  scratch: () => [],
  update: (target, { label, parts }, settings) =>
    parts.map(({ states, ...part }) => lion(target, { label, ...part, m: states.m!, ...settings })),
};
