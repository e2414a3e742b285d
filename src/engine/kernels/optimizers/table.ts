/** The table of optimizers, which menus and settings read. Their kernels are in rules.ts, so that a page loads them with a run. */
import { EngineError, suggestion } from '../../core/errors.ts';
import { OPTIM_STATES, type OptimState } from '../../precision/optimStates.ts';

export interface OptimizerRow {
  readonly title: string;
  /** One or two sentences on what it does, and on suitable learning rates and weight decays. */
  readonly summary: string;
  /** Whether public/train_ddp.py can resume its runs. */
  readonly inPyTorch: boolean;
  /** Settings that its update does not read, of those that are not Muon's. */
  readonly unused: readonly string[];
  /** Values of `--optim-state` that all its rules accept. */
  readonly optimStates: readonly OptimState[];
  /** Whether its states can be kept in units of the loss scale; see compound.ts. */
  readonly takesCompound?: true;
  /** Whether it reads Muon's settings. */
  readonly readsMuon?: true;
}

const ROWS = {
  adamw: {
    title: 'AdamW',
    summary: "Adam with decoupled weight decay, as PyTorch's.",
    inPyTorch: true,
    unused: [],
    optimStates: OPTIM_STATES,
    takesCompound: true,
  },
  'stable-adamw': {
    title: 'StableAdamW',
    summary: "AdamW that divides each parameter's update by its root mean square if that exceeds 1.",
    inPyTorch: false,
    unused: [],
    optimStates: OPTIM_STATES,
    takesCompound: true,
  },
  lion: {
    title: 'Lion',
    summary:
      'Moves every weight by the learning rate, against the sign of its momentum, which is the only state. Use a learning rate 3 to 10 times lower than with AdamW, and a weight decay higher by the same factor.',
    inPyTorch: false,
    unused: ['epsilon'],
    optimStates: ['f32', 'bf16'],
  },
  muon: {
    title: 'Muon',
    summary:
      "Orthogonalises the momentum of each matrix in the blocks, which it moves by muon-lr; embeddings, output matrix and vectors are AdamW's. A step computes more, and has one state for matrices instead of two.",
    inPyTorch: false,
    unused: [],
    optimStates: ['f32', 'bf16'],
    readsMuon: true,
  },
} as const satisfies Readonly<Record<string, OptimizerRow>>;

export type Optimizer = keyof typeof ROWS;
export const OPTIMIZER_TABLE: Readonly<Record<Optimizer, OptimizerRow>> = ROWS;
export const OPTIMIZERS = Object.keys(ROWS) as readonly Optimizer[];

/** Optimizers whose states can all be kept in units of the loss scale. */
export const COMPOUND_OPTIMIZERS: readonly Optimizer[] = OPTIMIZERS.filter(
  (id) => OPTIMIZER_TABLE[id].takesCompound,
);

/**
 * Checks that the optimizer exists and stores its states as `optimState`.
 * @throws EngineError BAD_VALUE if there is no such optimizer, or it cannot store its states in this form
 */
export function checkOptimizer(optimizer: Optimizer, optimState: OptimState): void {
  if (!Object.hasOwn(ROWS, optimizer)) {
    throw new EngineError(
      'BAD_VALUE',
      `There is no optimizer "${optimizer}".`,
      suggestion(optimizer, OPTIMIZERS),
    );
  }
  const { title, optimStates } = OPTIMIZER_TABLE[optimizer];
  if (optimStates.includes(optimState)) return;
  throw new EngineError(
    'BAD_VALUE',
    `Optimizer ${optimizer} does not support optimizer state ${optimState}.`,
    `${title} supports optimizer state ${optimStates.join(' or ')}. For ${optimState}, use ${takers(optimState).join(' or ')}.`,
  );
}

function takers(optimState: OptimState): Optimizer[] {
  return OPTIMIZERS.filter((id) => OPTIMIZER_TABLE[id].optimStates.includes(optimState));
}
