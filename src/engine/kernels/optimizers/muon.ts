/** The kernels of Muon, and the rule that dispatches them with matmuls between them. */
import { dispatch } from '../../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Operation, type Target } from '../../gpu/operation.ts';
import { type Operand, slice, type Tensor } from '../../gpu/tensor.ts';
import { masterBindings } from './masterBindings.ts';
import { MUON_COEFFICIENTS, MUON_SCALES } from './muonChoices.ts';
import type {
  OptimizerRule,
  ScratchSpec,
  Update,
  UpdateKernels,
  UpdatePart,
  UpdateSettings,
  UpdateShape,
} from './rule.ts';

/** Lanes of a workgroup, and the most partial sums of squares of a matrix. */
const LANES = 64;
/** A lane adds up as many vectors before a matrix gets more workgroups. */
const VECTORS_PER_LANE = 16;

/** A matrix in the columns of a parameter that is stored row by row. */
export interface MatrixPlace {
  readonly rows: number;
  readonly columns: number;
  /** Its first column in the parameter. */
  readonly firstColumn: number;
  /** Columns of the parameter. */
  readonly stride: number;
}

/** The matrices that lie side by side in a parameter, in order. */
export function matricesOf({ rows, columns: stride, sideBySide }: UpdateShape): MatrixPlace[] {
  let firstColumn = 0;
  return sideBySide.map((columns) => {
    const place = { rows, columns, firstColumn, stride };
    firstColumn += columns;
    return place;
  });
}

function placeUniforms({ rows, columns, firstColumn, stride }: MatrixPlace): Record<string, number> {
  const vectors = (rows * columns) / 4;
  return { vectors, columns4: columns / 4, stride4: stride / 4, column4: firstColumn / 4 };
}

function normGroups({ rows, columns }: MatrixPlace): number {
  return Math.min(LANES, Math.ceil((rows * columns) / 4 / (LANES * VECTORS_PER_LANE)));
}

/** Where Muon computes: two matrices and two Gram matrices in turn, and partial sums. */
export interface MuonScratch {
  readonly update: Tensor;
  readonly next: Tensor;
  readonly gram: Tensor;
  readonly polynomial: Tensor;
  readonly partials: Tensor;
}

type Named = { readonly [Key in keyof MuonScratch]: string };

/** Names of the scratch tensors, which all updates share. */
const SCRATCH: Named = {
  update: 'muon update',
  next: 'muon update after a step',
  gram: 'muon Gram matrix',
  polynomial: 'muon polynomial of the Gram matrix',
  partials: 'muon partial sums',
};

function scratchElements({ rows, columns }: MatrixPlace): Record<keyof MuonScratch, number> {
  const [matrix, gram] = [rows * columns, Math.min(rows, columns) ** 2];
  return { update: matrix, next: matrix, gram, polynomial: gram, partials: LANES };
}

export interface MuonArgs extends Omit<UpdatePart, 'states' | 'groups' | 'elements' | 'decayedElements'> {
  readonly m: Operand;
  readonly place: MatrixPlace;
  readonly scratch: MuonScratch;
  readonly label: string;
}

type MuonSettings = Omit<UpdateSettings, 'beta1' | 'beta2' | 'epsilon' | 'moments' | 'compound'> & {
  readonly moments: Pick<UpdateSettings['moments'], 'rounding'>;
};

/** Updates one matrix, of which `gradient`, `m`, `master` and the like hold the whole parameter. */
export function muon(
  target: Target,
  args: MuonArgs,
  settings: MuonSettings,
  kernels: UpdateKernels,
): Dispatch[] {
  const { place, scratch } = args;
  const { steps } = MUON_COEFFICIENTS[settings.muonCoefficients];
  const operations: Dispatch[] = [momentum(target, args, settings), normalize(target, args, settings)];
  let [update, next] = [scratch.update, scratch.next];
  for (const step of steps) {
    operations.push(
      ...polynomialStep(target, { ...args, scratch: { ...scratch, update, next } }, step, settings, kernels),
    );
    [update, next] = [next, update];
  }
  const { label, seed, first } = args;
  const { state, rateFactor, weightDecay, masterRounding, muonScale } = settings;
  const weights = masterBindings({ ...args, masterRounding });
  const uniforms = placeUniforms(place);
  return [
    ...operations,
    dispatch(target, 'muon_update', {
      operands: { update: matrixIn(update, place), ...weights.operands },
      tensors: { state, ...weights.tensors },
      writes: weights.writes,
      uniforms: {
        ...uniforms,
        scale: MUON_SCALES[muonScale].factor(place.rows, place.columns),
        ...{ rateFactor, weightDecay, seed, first: first / 4 },
      },
      conditions: weights.conditions,
      grid: linearGrid(uniforms.vectors!, 64),
      label,
    }),
  ];
}

function matrixIn(tensor: Tensor, { rows, columns }: MatrixPlace): Operand {
  return slice(tensor, 0, rows * columns);
}

function momentum(target: Target, args: MuonArgs, settings: MuonSettings): Dispatch {
  const { gradient, m, place, scratch, seed, first, label } = args;
  const { muonMomentum: mu, moments, state } = settings;
  const groups = normGroups(place);
  return dispatch(target, 'muon_momentum', {
    operands: { gradient, momentum: m, update: matrixIn(scratch.update, place) },
    tensors: { state, partials: scratch.partials },
    writes: ['momentum', 'update', 'partials'],
    uniforms: { ...placeUniforms(place), groups, mu, oneMinusMu: 1 - mu, seed, first: first / 4 },
    conditions: { stochasticMomentum: moments.rounding === 'stochastic' },
    constants: { LANES },
    grid: [groups, 1, 1],
    label,
  });
}

function normalize(target: Target, { place, scratch, label }: MuonArgs, settings: MuonSettings): Dispatch {
  const vectors = (place.rows * place.columns) / 4;
  const { margin } = MUON_COEFFICIENTS[settings.muonCoefficients];
  return dispatch(target, 'muon_normalize', {
    operands: { update: matrixIn(scratch.update, place) },
    tensors: { state: settings.state, partials: scratch.partials },
    writes: ['update'],
    uniforms: { vectors, groups: normGroups(place), margin },
    constants: { LANES },
    grid: linearGrid(vectors, LANES),
    label,
  });
}

/**
 * X <- a X + (b A + c A^2) X with A = X X^T, or a X + X (b A + c A^2) with A = X^T X where that is smaller: the same matrix, and no
 * transposed copy of X.
 */
function polynomialStep(
  target: Target,
  { place: { rows, columns }, scratch, label }: MuonArgs,
  [a, b, c]: readonly [number, number, number],
  { found }: MuonSettings,
  { matmul }: UpdateKernels,
): Dispatch[] {
  const isWide = rows <= columns;
  const size = Math.min(rows, columns);
  const [x, next] = [scratch.update, scratch.next].map((tensor) => slice(tensor, 0, rows * columns));
  const [gram, polynomial] = [scratch.gram, scratch.polynomial].map((tensor) =>
    slice(tensor, 0, size * size),
  );
  const square = { m: size, n: size, found, label };
  return [
    matmul(target, {
      ...{ ...square, a: x!, b: x!, out: gram!, k: Math.max(rows, columns) },
      ...(isWide ? { bTransposed: true } : { aTransposed: true }),
    }),
    matmul(target, {
      ...{ ...square, a: gram!, b: gram!, out: polynomial!, k: size },
      ...{ residual: gram!, weights: { ofProduct: c, ofResidual: b } },
    }),
    matmul(target, {
      ...{ label, found, m: rows, n: columns, k: size, out: next! },
      ...(isWide ? { a: polynomial!, b: x! } : { a: x!, b: polynomial! }),
      ...{ residual: x!, weights: { ofProduct: 1, ofResidual: a } },
    }),
  ];
}

/** For matrices of blocks. */
export const muonRule: OptimizerRule = {
  states: [{ name: 'm', filePrefix: 'muon.m.', role: 'firstMoment' }],
  takesWholeParameters: () => true,
  scratch: (_parts, shape) => scratchOf(matricesOf(shape)),
  update: updates,
};

function scratchOf(matrices: readonly MatrixPlace[]): ScratchSpec[] {
  const all = matrices.map(scratchElements);
  return keysOf(SCRATCH).map((key) => ({
    name: SCRATCH[key],
    category: 'state',
    shared: true,
    elements: Math.max(...all.map((elements) => elements[key])),
  }));
}

function keysOf(named: Named): (keyof MuonScratch)[] {
  return Object.keys(named) as (keyof MuonScratch)[];
}

/** @throws RangeError if the parameter is split, as only vocabulary matrices are */
function updates(
  target: Target,
  { label, parts, shape, scratch: tensors }: Update,
  settings: UpdateSettings,
  kernels: UpdateKernels,
): Operation[] {
  const [part] = parts;
  if (!part || !shape || parts.length > 1) throw new RangeError(`${label} is not one matrix`);
  const { states, decayedElements, ...operands } = part;
  const named = keysOf(SCRATCH).map((key) => [key, tensors.get(SCRATCH[key])!.tensor]);
  const scratch = Object.fromEntries(named) as unknown as MuonScratch;
  const own = { ...settings, weightDecay: decayedElements > 0 ? settings.weightDecay : 0 };
  return matricesOf(shape).flatMap((place) =>
    muon(target, { ...operands, m: states.m!, place, scratch, label }, own, kernels),
  );
}
