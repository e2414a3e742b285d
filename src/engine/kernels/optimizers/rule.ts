/** The interface of an optimizer: its states, its scratch, and the operations of an update. */
import type { Operation, Target } from '../../gpu/operation.ts';
import type { Operand, Tensor } from '../../gpu/tensor.ts';
import type { MomentFormats } from '../../precision/optimStates.ts';
import type { MasterRounding } from '../../precision/recipes.ts';
import type { ModelKernels } from '../modelKernels.ts';
import type { MuonCoefficients, MuonScale } from './muonChoices.ts';

/** A state with one value per parameter element that the optimizer keeps between steps. Its initial values are zero. */
export interface OptimizerState {
  /** Part of its tensors' names, and key in {@link UpdatePart.states}. */
  readonly name: string;
  /** Prefix of a parameter's name in run files. Two rules share a prefix only if each can read the other's states. */
  readonly filePrefix: string;
  /** The role that determines its format. */
  readonly role: 'firstMoment' | 'secondMoment';
}

/** An f32 tensor that a rule needs for an update in addition to the states. */
export interface ScratchSpec {
  /** Scratch of all updates under the same name is in one tensor: consecutive, or `shared`. */
  readonly name: string;
  /** All updates use the same elements, one after the other. */
  readonly shared?: true;
  /** `optimizer` scratch is kept between steps and saved with the run; `state` scratch is not needed between steps. */
  readonly category: 'optimizer' | 'state';
  readonly elements: number;
}

/** A chunk, or the part of one parameter that lies in one chunk. */
export interface UpdatePart {
  readonly gradient: Operand;
  readonly master: Operand;
  /** The states by name. */
  readonly states: Readonly<Record<string, Operand>>;
  /** Rounded copy that matmuls read, if there is one. */
  readonly compute: Operand | undefined;
  /** Lower halves of a split master. */
  readonly low: Operand | undefined;
  /** What rounding added to a compensated master, in the master's format. */
  readonly compensation?: Operand | undefined;
  /** Fixed-point weights of the whole chunk, if the run keeps some. */
  readonly fixed?: Operand | undefined;
  /** Records of all groups of the chunk, if states are scaled by group. */
  readonly groups: Operand | undefined;
  /** Element of the chunk at which the operands begin. */
  readonly first: number;
  /** A multiple of 256. Elements that pad parameters are zero and stay zero. */
  readonly elements: number;
  /** Number of leading elements that have weight decay. */
  readonly decayedElements: number;
  /** Seed of the chunk's random bits. With equal seeds and equal numbers of applied steps, rounding is the same. */
  readonly seed: number;
}

/** Of a parameter (rows, columns): a vector has one row. */
export interface UpdateShape {
  readonly rows: number;
  readonly columns: number;
  /** Columns of each of the matrices that lie side by side in it. */
  readonly sideBySide: readonly number[];
}

/** One update, of a chunk or of all parts of one parameter. */
export interface Update {
  readonly label: string;
  readonly parts: readonly UpdatePart[];
  /** Of the parameter; null for chunks. */
  readonly shape: UpdateShape | null;
  /** Number of learned values, without padding. */
  readonly learned: number;
  /** Scratch by name; `first` is the element of the tensor at which this update's scratch begins. Empty for chunks. */
  readonly scratch: ReadonlyMap<string, { readonly tensor: Tensor; readonly first: number }>;
}

/** The settings of a run that rules read, each rule its own. */
export interface Hyperparameters {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled: multiplied by the learning rate. */
  readonly weightDecay: number;
  readonly muonMomentum: number;
  readonly muonCoefficients: MuonCoefficients;
  readonly muonScale: MuonScale;
}

export interface UpdateSettings extends Hyperparameters {
  /** Learning rate of the parameters that the rule updates, divided by that of the step state. */
  readonly rateFactor: number;
  readonly moments: MomentFormats;
  readonly masterRounding: MasterRounding;
  /** Whether gradients and states are in units of the loss scale; see compound.ts. */
  readonly compound: boolean;
  /** Step state, with the decision to apply or skip, learning rate, gradient factor and bias corrections. */
  readonly state: Operand;
  /** Overflow flag of the next step. */
  readonly found: Operand;
}

/** Kernels that rules share with layers. They receive them, so that the table of optimizers, which menus read, loads none. */
export type UpdateKernels = Pick<ModelKernels, 'matmul'>;

export interface OptimizerRule {
  /** The states, in the order of the plan and of run files. */
  readonly states: readonly OptimizerState[];
  /** Whether each update covers one parameter. Otherwise it covers a chunk and has no scratch. */
  takesWholeParameters(moments: MomentFormats): boolean;
  /**
   * Where an update leaves the root mean square of g / max(sqrt(v), epsilon), f32: in the scratch of this name, where a record
   * of a parameter has so many words, at this word. Absent for rules without a second moment.
   */
  readonly rms?: { readonly scratch: string; readonly record: number; readonly word: number };
  /** The scratch that the update of one parameter needs. */
  scratch(parts: readonly Pick<UpdatePart, 'elements'>[], shape: UpdateShape): readonly ScratchSpec[];
  /** Unscales and clips the gradient by the step state's factor, and changes nothing on a skipped step. */
  update(target: Target, update: Update, settings: UpdateSettings, kernels: UpdateKernels): Operation[];
}
