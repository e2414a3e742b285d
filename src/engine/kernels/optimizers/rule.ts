/** What an optimizer is to the rest of the engine: the states it keeps, the scratch it needs, and the operations of an update. */
import type { Operation, Target } from '../../gpu/operation.ts';
import type { Operand, Tensor } from '../../gpu/tensor.ts';
import type { MomentFormats, OptimState } from '../../precision/optimStates.ts';
import type { MasterRounding } from '../../precision/recipes.ts';

/** A tensor as large as the parameters, which the optimizer keeps from step to step. It begins as zeros. */
export interface OptimizerState {
  /** Names its tensors, and is the key in {@link UpdatePart.states}. */
  readonly name: string;
  /** Before a parameter's name in run files. No two rules share one unless they can read each other's states. */
  readonly filePrefix: string;
  /** Which moment's format it is stored in. */
  readonly role: 'firstMoment' | 'secondMoment';
}

/** f32 that a rule needs for an update beside the states. */
export interface ScratchSpec {
  /** All updates with scratch of the same name lie in one tensor, one after the other. */
  readonly name: string;
  /** `optimizer` is kept from step to step and saved with the run; `state` holds nothing between two steps. */
  readonly category: 'optimizer' | 'state';
  readonly elements: number;
}

/** A chunk, or the part of one parameter that lies in one chunk. */
export interface UpdatePart {
  readonly gradient: Operand;
  readonly master: Operand;
  /** Keyed by state name. */
  readonly states: Readonly<Record<string, Operand>>;
  /** Rounded copy that matmuls read, where there is one. */
  readonly compute: Operand | undefined;
  /** Lower halves of a split master. */
  readonly low: Operand | undefined;
  /** Records of all groups of the chunk, where states are scaled by group. */
  readonly groups: Operand | undefined;
  /** Element of the chunk where the operands begin. */
  readonly first: number;
  /** A multiple of 256; those that belong to no parameter are zeros, and stay zeros. */
  readonly elements: number;
  /** Number of leading elements that have weight decay. */
  readonly decayedElements: number;
  /** Of the chunk's random bits: equal seeds round alike at equal applied steps. */
  readonly seed: number;
}

/** What one update covers: a chunk, or all parts of one parameter. */
export interface Update {
  readonly label: string;
  readonly parts: readonly UpdatePart[];
  /** Learned values, without padding. */
  readonly learned: number;
  /** By name; `first` is the element where this update's part begins. Empty for chunks. */
  readonly scratch: ReadonlyMap<string, { readonly tensor: Tensor; readonly first: number }>;
}

export interface UpdateSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled: multiplied by the learning rate. */
  readonly weightDecay: number;
  readonly moments: MomentFormats;
  readonly masterRounding: MasterRounding;
  /** Step state: apply or skip, learning rate, gradient factor, bias corrections. */
  readonly state: Operand;
}

export interface OptimizerRule {
  /** In the order of the plan and of run files. */
  readonly states: readonly OptimizerState[];
  /** Which `--optim-state` values it accepts. */
  readonly optimStates: readonly OptimState[];
  /** Whether an update covers one parameter; if not, it covers a chunk and has no scratch. */
  takesWholeParameters(moments: MomentFormats): boolean;
  /** What the update of one parameter needs. */
  scratch(parts: readonly Pick<UpdatePart, 'elements'>[]): readonly ScratchSpec[];
  /** Unscales and clips the gradient by the step state's factor, and changes nothing on a skipped step. */
  update(target: Target, update: Update, settings: UpdateSettings): Operation[];
}
