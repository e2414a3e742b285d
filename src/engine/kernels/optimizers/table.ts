/** The table of optimizers. The choices of page and command line, their texts, and the names in files are derived from it. */
import { EngineError, suggestion } from '../../core/errors.ts';
import type { OptimState } from '../../precision/optimStates.ts';
import { adamwRule } from './adamw.ts';
import { lionRule } from './lion.ts';
import type { OptimizerRule } from './rule.ts';

export interface OptimizerRow {
  readonly title: string;
  /** One or two sentences on what it does, and on suitable learning rates and weight decays. */
  readonly summary: string;
  /** Whether public/train_ddp.py can resume its runs. */
  readonly inPyTorch: boolean;
  /** Settings that its update does not read. */
  readonly unused: readonly string[];
  /** @internal */
  readonly rule: OptimizerRule;
}

const ROWS = {
  adamw: {
    title: 'AdamW',
    summary: "Adam with decoupled weight decay, as PyTorch's.",
    inPyTorch: true,
    unused: [],
    rule: adamwRule(false),
  },
  'stable-adamw': {
    title: 'StableAdamW',
    summary: "AdamW that divides each parameter's update by its root mean square if that exceeds 1.",
    inPyTorch: false,
    unused: [],
    rule: adamwRule(true),
  },
  lion: {
    title: 'Lion',
    summary:
      'Moves every weight by the learning rate, against the sign of its momentum, which is the only state. Use a learning rate 3 to 10 times lower than with AdamW, and a weight decay higher by the same factor.',
    inPyTorch: false,
    unused: ['epsilon'],
    rule: lionRule,
  },
} as const satisfies Readonly<Record<string, OptimizerRow>>;

export type Optimizer = keyof typeof ROWS;
export const OPTIMIZER_TABLE: Readonly<Record<Optimizer, OptimizerRow>> = ROWS;
export const OPTIMIZERS = Object.keys(ROWS) as readonly Optimizer[];

/**
 * The rule of an optimizer that stores its states as `optimState`.
 * @throws EngineError BAD_VALUE if there is no such optimizer, or it cannot store its states in this form
 */
export function optimizerRule(optimizer: Optimizer, optimState: OptimState): OptimizerRule {
  if (!Object.hasOwn(ROWS, optimizer)) {
    throw new EngineError(
      'BAD_VALUE',
      `There is no optimizer "${optimizer}".`,
      suggestion(optimizer, OPTIMIZERS),
    );
  }
  const { title, rule } = OPTIMIZER_TABLE[optimizer];
  if (rule.optimStates.includes(optimState)) return rule;
  throw new EngineError(
    'BAD_VALUE',
    `Optimizer ${optimizer} does not support optimizer state ${optimState}.`,
    `${title} supports optimizer state ${rule.optimStates.join(' or ')}. For ${optimState}, use ${takers(optimState).join(' or ')}.`,
  );
}

function takers(optimState: OptimState): Optimizer[] {
  return OPTIMIZERS.filter((id) => OPTIMIZER_TABLE[id].rule.optimStates.includes(optimState));
}
