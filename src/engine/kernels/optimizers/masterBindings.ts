/** The bindings of shaders/lib/master.wgsl, through which every optimizer's kernel updates the weights. */
import type { Operand } from '../../gpu/tensor.ts';
import type { MasterRounding } from '../../precision/recipes.ts';

/** The weights of an update, as the run keeps them. */
export interface UpdatedWeights {
  readonly master: Operand;
  /** Rounded copy that matmuls read, if there is one. */
  readonly compute?: Operand | undefined;
  /** Lower halves of a split master. */
  readonly low?: Operand | undefined;
  /** What rounding added to a compensated master, in the master's format. */
  readonly compensation?: Operand | undefined;
  /** Fixed-point weights of the whole chunk, of which the master is the nearest f32. */
  readonly fixed?: Operand | undefined;
  readonly masterRounding: MasterRounding;
}

/** What a dispatch binds to update the weights. */
export function masterBindings(weights: UpdatedWeights) {
  const { master, compute, low, compensation, fixed, masterRounding } = weights;
  return {
    operands: { master, compute, compensation },
    tensors: { low, fixedMaster: fixed },
    writes: ['master', 'compute', 'compensation', 'low', 'fixedMaster'],
    conditions: {
      computeCopy: compute !== undefined,
      splitMaster: low !== undefined,
      stochasticMaster: masterRounding === 'stochastic',
      compensatedMaster: compensation !== undefined,
      fixedMaster: fixed !== undefined,
    },
  } as const;
}
