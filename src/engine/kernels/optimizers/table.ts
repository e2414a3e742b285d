/** The table of optimizers. The choices of page and command line, their texts, and the names in files are derived from it. */
import { EngineError, suggestion } from '../../core/errors.ts';
import { OPTIM_STATES, type OptimState } from '../../precision/optimStates.ts';
import { adamwRule } from './adamw.ts';
import { lionRule } from './lion.ts';
import { muonRule } from './muon.ts';
import type { OptimizerRule, OptimizerState } from './rule.ts';

export interface OptimizerRow {
  readonly title: string;
  /** One or two sentences on what it does, and on suitable learning rates and weight decays. */
  readonly summary: string;
  /** Whether public/train_ddp.py can resume its runs. */
  readonly inPyTorch: boolean;
  /** Settings that its update does not read, of those that are not Muon's. */
  readonly unused: readonly string[];
  /** The rule of all parameters, or of those that have no other. @internal */
  readonly rule: OptimizerRule;
  /** The rule of the matrices of blocks, where they have another. @internal */
  readonly ofBlockMatrices?: OptimizerRule;
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
  muon: {
    title: 'Muon',
    summary:
      "Orthogonalises the momentum of each matrix in the blocks, which it moves by muon-lr; embeddings, output matrix and vectors are AdamW's. A step computes more, and has one state for matrices instead of two.",
    inPyTorch: false,
    unused: [],
    rule: adamwRule(false),
    ofBlockMatrices: muonRule,
  },
} as const satisfies Readonly<Record<string, OptimizerRow>>;

export type Optimizer = keyof typeof ROWS;
export const OPTIMIZER_TABLE: Readonly<Record<Optimizer, OptimizerRow>> = ROWS;
export const OPTIMIZERS = Object.keys(ROWS) as readonly Optimizer[];

function rulesIn({ rule, ofBlockMatrices }: OptimizerRow): OptimizerRule[] {
  return [rule, ...(ofBlockMatrices ? [ofBlockMatrices] : [])];
}

/** Every state that an optimizer keeps of some parameters. */
export function statesOf(optimizer: Optimizer): OptimizerState[] {
  return rulesIn(OPTIMIZER_TABLE[optimizer]).flatMap(({ states }) => states);
}

/** Optimizers whose states can all be kept in units of the loss scale. */
export const COMPOUND_OPTIMIZERS: readonly Optimizer[] = OPTIMIZERS.filter((id) =>
  rulesIn(OPTIMIZER_TABLE[id]).every(({ takesCompound }) => takesCompound === true),
);

/** Values of `--optim-state` that all rules of an optimizer accept. */
export function optimStatesOf(optimizer: Optimizer): OptimState[] {
  const rules = rulesIn(OPTIMIZER_TABLE[optimizer]);
  return OPTIM_STATES.filter((state) => rules.every(({ optimStates }) => optimStates.includes(state)));
}

/**
 * The row of an optimizer that stores its states as `optimState`.
 * @throws EngineError BAD_VALUE if there is no such optimizer, or it cannot store its states in this form
 */
export function optimizerRow(optimizer: Optimizer, optimState: OptimState): OptimizerRow {
  if (!Object.hasOwn(ROWS, optimizer)) {
    throw new EngineError(
      'BAD_VALUE',
      `There is no optimizer "${optimizer}".`,
      suggestion(optimizer, OPTIMIZERS),
    );
  }
  const row = OPTIMIZER_TABLE[optimizer];
  const optimStates = optimStatesOf(optimizer);
  if (optimStates.includes(optimState)) return row;
  throw new EngineError(
    'BAD_VALUE',
    `Optimizer ${optimizer} does not support optimizer state ${optimState}.`,
    `${row.title} supports optimizer state ${optimStates.join(' or ')}. For ${optimState}, use ${takers(optimState).join(' or ')}.`,
  );
}

function takers(optimState: OptimState): Optimizer[] {
  return OPTIMIZERS.filter((id) => optimStatesOf(id).includes(optimState));
}
