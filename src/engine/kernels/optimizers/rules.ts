/** The rules of each optimizer in table.ts. */
import type { OptimState } from '../../precision/optimStates.ts';
import { adamwRule } from './adamw.ts';
import { lionRule } from './lion.ts';
import { muonRule } from './muon.ts';
import type { OptimizerRule, OptimizerState } from './rule.ts';
import { checkOptimizer, type Optimizer } from './table.ts';

export interface RulesOfOptimizer {
  /** The rule of all parameters, or of those that have no other. */
  readonly rule: OptimizerRule;
  /** The rule of the matrices of blocks, where they have another. */
  readonly ofBlockMatrices?: OptimizerRule;
}

const RULES: Readonly<Record<Optimizer, RulesOfOptimizer>> = {
  adamw: { rule: adamwRule(false) },
  'stable-adamw': { rule: adamwRule(true) },
  lion: { rule: lionRule },
  muon: { rule: adamwRule(false), ofBlockMatrices: muonRule },
};

/** @throws EngineError BAD_VALUE if there is no such optimizer, or it cannot store its states in this form */
export function rulesOf(optimizer: Optimizer, optimState: OptimState): RulesOfOptimizer {
  checkOptimizer(optimizer, optimState);
  return RULES[optimizer];
}

/** Every state that an optimizer keeps of some parameters. */
export function statesOf(optimizer: Optimizer): OptimizerState[] {
  const { rule, ofBlockMatrices } = RULES[optimizer];
  return [rule, ...(ofBlockMatrices ? [ofBlockMatrices] : [])].flatMap(({ states }) => states);
}
