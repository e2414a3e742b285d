/**
 * The shader variants that a run can ask for: what the schedules of all storages and kernel choices dispatch for small
 * models, tied and untied and of each kind, and what start-up dispatches before a schedule runs; of those a pairwise cover.
 */
import { MLP_KINDS, type ModelKinds, NORM_KINDS } from '../../../src/engine/config/gptConfig.ts';
import { presetOf } from '../../../src/engine/config/presets.ts';
import type { TrainConfig } from '../../../src/engine/config/trainConfig.ts';
import { PACKED_PRODUCTS } from '../../../src/engine/gpu/device.ts';
import {
  ATTENTION_KERNELS,
  type Dispatch,
  type Operation,
  type Target,
  variantKey,
} from '../../../src/engine/gpu/operation.ts';
import { PEAK_FORMS, peakDispatch } from '../../../src/engine/gpu/roofline.ts';
import { type AssembledShader, assemble } from '../../../src/engine/gpu/shaders.ts';
import { type MatrixShape, SUBGROUP_MATRIX } from '../../../src/engine/gpu/subgroupMatrix.ts';
import { probeDispatch } from '../../../src/engine/gpu/subgroups.ts';
import type { Tensor } from '../../../src/engine/gpu/tensor.ts';
import { buildNumerics } from '../../../src/engine/inspect/schedule.ts';
import { attentionBackward, attentionForward } from '../../../src/engine/kernels/attention.ts';
import {
  type AttentionOptions,
  type AttentionShape,
  windowElements,
} from '../../../src/engine/kernels/attentionOptions.ts';
import { fixedRange } from '../../../src/engine/kernels/fixedMaster.ts';
import { matmul } from '../../../src/engine/kernels/matmul.ts';
import { convertFormat } from '../../../src/engine/kernels/optimizer.ts';
import {
  COMPOUND_OPTIMIZERS,
  OPTIMIZER_TABLE,
  OPTIMIZERS,
} from '../../../src/engine/kernels/optimizers/table.ts';
import { splitOutliers } from '../../../src/engine/kernels/outliers.ts';
import { operationsOf } from '../../../src/engine/model/emission.ts';
import { generationOperations, planGeneration } from '../../../src/engine/model/generation.ts';
import { optimizer } from '../../../src/engine/model/optimizer.ts';
import { buildPass, buildSchedule } from '../../../src/engine/model/schedule.ts';
import { type RunTensors, runTensors } from '../../../src/engine/model/tensors.ts';
import { goesWithState } from '../../../src/engine/precision/optimStates.ts';
import { storesHalves } from '../../../src/engine/precision/recipe.ts';
import { PRECISION_MODES, recipeOf } from '../../../src/engine/precision/recipes.ts';
import { LANES_WITHOUT_SUBGROUPS, matmulKernels } from './runKernel.ts';
import { coverOf, pairsOf } from './variantCover.ts';

/** A vocabulary that takes two slices: the kernels of a whole one are those of the first. */
const VOCABULARY = 600;
const TWO_SLICES = { maxBindingBytes: 2 ** 17 };

/** GPT-2's attention, and Llama's and Qwen's: RoPE in place, and behind a norm of each head. */
const ATTENTIONS: readonly Partial<ModelKinds>[] = [
  {},
  { position: 'rope', keyValueHeads: 1, biases: 'none' },
  { position: 'rope', headSize: 16, qkNorm: true, biases: 'qkv', attentionSoftCap: 30 },
];

/** The kernels of one layer do not depend on the kind of another. */
const MODELS = Array.from(
  { length: Math.max(NORM_KINDS.length, MLP_KINDS.length, ATTENTIONS.length) },
  (_, i) => ({
    tied: i === 0,
    norm: NORM_KINDS[i % NORM_KINDS.length]!,
    mlp: MLP_KINDS[i % MLP_KINDS.length]!,
    layerScale: i === 1 ? 0.5 : null,
    zLoss: i === 1 || i === 2 ? 1e-4 : 0,
    logitSoftCap: i >= 2 ? 5 : 0,
    ...(i === 2 ? { dropout: 0.1, emaDecay: 0.9 } : { dropout: 0, emaDecay: 0 }),
    ...ATTENTIONS[i % ATTENTIONS.length]!,
  }),
);

type Stored = Partial<TrainConfig> & Pick<TrainConfig, 'precision'>;

/** Each way of storing a run's tensors once: modes that differ in their scaling alone dispatch the same variants. */
const STORED: readonly Stored[] = distinctBy(
  [
    ...PRECISION_MODES.map((precision) => ({ precision })),
    ...(['fp8', 'fp8-delayed'] as const).map(
      (precision) =>
        ({ precision, quantizeHead: true, quantizeAttention: true, quantizeActivations: '1x16' }) as const,
    ),
    { precision: 'fp8', smoothSwiglu: 'token' },
    { precision: 'fp8-delayed', smoothSwiglu: 'channel' },
    // Of the simulated modes one with each branch of their prelude stands for all.
    { precision: 'e5m2', rounding: 'rz' },
    { precision: 'e8m3', rounding: 'rne' },
    { precision: 'i8g8', precisionSchedule: 'pfq', steps: 40 },
    { precision: 'i8g8', precisionSchedule: 'noise', steps: 40 },
    { precision: 'fp16', skip: 'tensor' },
    { precision: 'fp16', sums: 'fx64' },
    { precision: 'fp16-pure', sums: 'fx64' },
    { precision: 'fp16', master: 'fx64', optimState: 'fp8-e4m3-e5m2' },
    { precision: 'mxfp8', quantizeAttention: true },
    { precision: 'fp16-noscale', overflow: 'clamp' },
    { precision: 'fp16-pure', overflow: 'clamp' },
    { precision: 'fp16-pure', overflow: 'zero' },
  ],
  ({ precision, ...more }) => {
    const { storages, sites, scaling } = recipeOf(precision);
    return JSON.stringify([storages, sites, scaling.kind === 'none', more]);
  },
);

/** The first of those with the same key. */
export function distinctBy<T>(all: readonly T[], keyOf: (one: T) => string): T[] {
  return [...new Map(all.toReversed().map((one) => [keyOf(one), one])).values()].toReversed();
}

export interface KnownVariant extends Pick<AssembledShader, 'code' | 'bindings' | 'uniforms'> {
  readonly key: string;
  /** One dispatch of it on tensors of a small model. */
  readonly dispatch: Dispatch;
  /** Features it needs, as its own source enables or uses them. */
  readonly features: readonly (GPUFeatureName | typeof PACKED_PRODUCTS)[];
}

const FEATURE_OF = [
  ['f16', 'shader-f16'],
  ['subgroups', 'subgroups'],
  ['chromium_experimental_subgroup_matrix', SUBGROUP_MATRIX as GPUFeatureName],
] as const;

/**
 * One dispatch of each variant that a run can ask for.
 * @param subgroupSizes smallest subgroups of the adapters in question; null for variants without subgroups
 * @param matrixShapes of which the matmuls of each are added, at the subgroup size of most GPUs that have them
 */
export function dispatchesOf(
  subgroupSizes: readonly (number | null)[],
  matrixShapes: readonly MatrixShape[] = [],
): Dispatch[] {
  const dispatches = new Map<string, Dispatch>();
  const add = (operation: Operation): void => {
    if (operation.kind !== 'dispatch') return;
    const key = variantKey(operation.variant);
    if (!dispatches.has(key)) dispatches.set(key, operation);
  };
  const matrixTargets = matrixShapes.map((shape): Target => {
    const target = {
      half: 'packed',
      subgroup: 32,
      lanes: 64,
      attention: 'register',
      splitSums: false,
    } as const;
    return { ...target, matmul: 'register16', matrixShapes: [shape] };
  });
  for (const stored of STORED) {
    const plans = plansOf(stored);
    for (const target of matrixTargets) {
      for (const splitSums of [true, false]) {
        for (const operation of microBatches({ ...target, splitSums }, plans)) {
          if (kernelOf(operation) === 'matmul_matrix') add(operation);
        }
      }
    }
    for (const target of targets(subgroupSizes)) {
      if (target.half === 'native' && !storesHalves(recipeOf(stored.precision))) continue;
      for (const operation of ofSteps(target, plans)) add(operation);
    }
  }
  const withoutMatmuls = distinctBy(targets(subgroupSizes), ({ half, subgroup }) => `${half} ${subgroup}`);
  optimizerVariants(withoutMatmuls).forEach(add);
  muonMatmuls([...matrixTargets, ...targets(subgroupSizes)]).forEach(add);
  const peak = { name: 'peak', type: 'f32', elements: 64 * 4 } as const;
  for (const form of PEAK_FORMS) for (const half of [false, true]) add(peakDispatch(peak, 1, form, half));
  for (const target of targets(subgroupSizes)) {
    attentionVariants(target).forEach(add);
    integerMatmuls(target).forEach(add);
    outlierSplits(target).forEach(add);
  }
  for (const size of subgroupSizes) {
    if (size === null) continue;
    for (const width of [40, 256]) add(probeDispatch(PROBED, 0, width, { size, asked: false, note: null }));
  }
  return [...dispatches.values()];
}

/** Variants in which any two choices of a kernel meet that meet in one of {@link dispatchesOf}, as they are linked. */
export function pairwiseVariants(...which: Parameters<typeof dispatchesOf>): Promise<KnownVariant[]> {
  return Promise.all(coverOf(dispatchesOf(...which), pairsOf).map(linked));
}

export async function linked(dispatch: Dispatch): Promise<KnownVariant> {
  const shader = await assemble(dispatch.variant);
  const features = FEATURE_OF.filter(([extension]) =>
    new RegExp(`^enable [^;]*\\b${extension}\\b`, 'm').test(shader.code),
  ).map(([, feature]) => feature);
  const packs = shader.code.includes('dot4I8Packed') ? ([PACKED_PRODUCTS] as const) : [];
  const key = variantKey(dispatch.variant);
  return { ...shader, key, dispatch, features: [...features, ...packs] };
}

/** Kernels that only targets with split sums dispatch. */
const ONLY_SPLIT: readonly string[] = ['embedding_backward_runs', 'embedding_backward_join'];

interface Plan {
  readonly config: TrainConfig;
  readonly tensors: RunTensors;
}

function planOf(settings: Partial<TrainConfig>): Plan {
  const config = { ...presetOf('smoke').config, ...settings };
  return { config, tensors: runTensors(config, VOCABULARY, TWO_SLICES) };
}

/** The plans of a storage for each model: of two blocks, and of one with enough rows for sums that are cut. They need no adapter. */
export function plansOf(stored: Stored): { readonly steps: readonly Plan[]; readonly long: readonly Plan[] } {
  const plan = (shape: Partial<TrainConfig>): Plan[] =>
    MODELS.map((model) => planOf({ ...stored, ...model, ...shape }));
  return {
    // The first of two blocks is recomputed.
    steps: plan({ batch: 1, layers: 2, recompute: 'gelu-ln', sharpnessEvery: 1 }),
    long: plan({ batch: 16, layers: 1 }),
  };
}

/** What steps, evaluations and the numerics panel dispatch, list by list: all of them at once would outlive collections of garbage. */
export function* ofSteps(target: Target, { steps, long }: ReturnType<typeof plansOf>): Generator<Operation> {
  for (const operation of microBatches({ ...target, splitSums: true }, { long })) {
    if (operation.kind !== 'dispatch') continue;
    const { kernel, conditions } = operation.variant;
    if (conditions.split || ONLY_SPLIT.includes(kernel)) yield operation;
  }
  for (const { config, tensors } of steps) {
    for (const operations of Object.values(buildSchedule(target, tensors, config))) yield* operations;
    const { rows: _, noise: __, longRun: ___, updates: ____, ...numerics } = buildNumerics(target, tensors);
    for (const operations of Object.values(numerics)) yield* operations;
    yield* uploads(target, tensors);
    for (const operations of Object.values(generationOperations(planGeneration(tensors), target))) {
      yield* operations;
    }
  }
}

function uploads(target: Target, { chunks }: RunTensors): Operation[] {
  const upload = { name: 'upload', type: 'f32', elements: 256 } as const;
  return chunks.flatMap(({ master, compute, low, fixed, elements }) => [
    ...(fixed ? [fixedRange(target, { fixed, master, elements })] : []),
    convertFormat(target, { inp: upload, out: master, low, elements: 256, label: 'upload' }),
    ...(compute
      ? [convertFormat(target, { inp: master, out: compute, elements: 256, label: 'compute' })]
      : []),
  ]);
}

/** With what numerics store once more in f32. */
function* microBatches(target: Target, { long }: Pick<ReturnType<typeof plansOf>, 'long'>) {
  for (const { tensors } of long) {
    yield* operationsOf(buildPass(tensors.training, target));
    yield* buildNumerics(target, tensors).measured;
  }
}

function kernelOf(operation: Operation): string | null {
  return operation.kind === 'dispatch' ? operation.variant.kernel : null;
}

/** Modes whose masters AdamW stores differently. How moments are kept does not depend on it. */
const MASTERS: readonly Stored[] = [
  ...(['fp32', 'fp16', 'bf16-sr', 'bf16-split'] as const).map((precision) => ({ precision })),
  { precision: 'bf16-pure', master: 'kahan' },
  { precision: 'fp16-pure', master: 'kahan' },
  { precision: 'fp32', master: 'fx64' },
  { precision: 'fp16', master: 'fx64' },
];
/** Optimizers whose moments are kept in units of the loss scale. */
const COMPOUND: Stored = { precision: 'fp16-pure', lossScaling: 'compound' };

/** Every optimizer with every way of keeping its states. */
function optimizerPlans(): Plan[] {
  return [...MASTERS, COMPOUND].flatMap((stored) =>
    (stored === COMPOUND ? COMPOUND_OPTIMIZERS : OPTIMIZERS).flatMap((optimizer) =>
      OPTIMIZER_TABLE[optimizer].optimStates
        .filter((optimState) => goesWithState(recipeOf(stored.precision), optimState))
        .filter((optimState) => stored.master !== 'fx64' || optimState !== 'fp8')
        .map((optimState) => planOf({ batch: 1, ...stored, optimizer, optimState, emaDecay: 0.9 })),
    ),
  );
}

function optimizerVariants(targets: readonly Target[]): Operation[] {
  return optimizerPlans().flatMap(({ tensors, config }) =>
    targets.flatMap((target) => optimizer(target, tensors, config)),
  );
}

/** The products of Muon, of f32 in every mode. */
function muonMatmuls(targets: readonly Target[]): Operation[] {
  const { tensors, config } = planOf({ batch: 1, precision: 'fp32', optimizer: 'muon' });
  return targets
    .flatMap((target) => optimizer(target, tensors, config))
    .filter((operation) => kernelOf(operation)?.startsWith('matmul_'));
}

/** Of evaluation with columns in a wider format. */
function outlierSplits(target: Target): Operation[] {
  const [rows, columns] = [8, 16];
  const tensor = (name: string, type: Tensor['type']): Tensor => ({ name, type, elements: rows * columns });
  const halves = [tensor('inp', 'bf16'), tensor('regular', 'bf16'), tensor('outliers', 'bf16')] as const;
  const [inp, regular, outliers] = halves;
  const partials = tensor('partials', 'f32');
  return splitOutliers(target, {
    ...{ label: 'outliers', inp, regular, outliers, partials, rows, columns, threshold: 6 },
  });
}

/** Products of 8-bit integers in every layout, whose sums f32 holds and does not hold, and four at a time. */
function integerMatmuls(target: Target): Operation[] {
  const tensor = (name: string, type: Tensor['type'], elements: number): Tensor => ({ name, type, elements });
  const [m, n] = [8, 64];
  const packs = target.matmul.startsWith('tiled') ? [false, true] : [false];
  return packs.flatMap((packedProducts) =>
    [64, 1028].flatMap((k) =>
      [{}, { bTransposed: true }, { aTransposed: true }].map((layout) =>
        matmul(
          { ...target, packedProducts },
          {
            ...{ label: 'integers', m, n, k, found: tensor('found', 'u32', 4), ...layout },
            ...{ a: tensor('a', 'i8', m * k), b: tensor('b', 'i8', k * n), out: tensor('out', 'f32', m * n) },
          },
        ),
      ),
    ),
  );
}

function targets(subgroupSizes: readonly (number | null)[]): Target[] {
  return subgroupSizes.flatMap((subgroup) =>
    (['native', 'packed'] as const).flatMap((half) =>
      matmulKernels(subgroup).map((matmul, i) => ({
        half,
        matmul,
        // They meet in no kernel.
        attention: ATTENTION_KERNELS[i % ATTENTION_KERNELS.length]!,
        subgroup,
        // As on software adapters, and on GPUs.
        lanes: subgroup !== null && subgroup < 32 ? subgroup : LANES_WITHOUT_SUBGROUPS,
        matrixShapes: [],
        splitSums: false,
      })),
    ),
  );
}

const PROBED = { name: 'probe', type: 'u32', elements: 2 ** 14 } as const;

const WINDOWS: Tensor = { name: 'windows', type: 'u32', elements: windowElements(1, 16) };

/** Options of attention that the settings do not reach, and heads whose rows are split over lanes. */
const ATTENTION_OPTIONS: readonly (Pick<AttentionShape, 'headSize' | 'keyValueHeads'> & AttentionOptions)[] =
  [
    { headSize: 40 },
    { headSize: 128, softCap: 30 },
    { headSize: 8, keyValueHeads: 2, windows: { tensor: WINDOWS, documents: true } },
    {
      ...{ headSize: 80, keyValueHeads: 2, softCap: 30 },
      windows: { tensor: WINDOWS, keys: 16, documents: true, dropout: { rate: 0.1, stream: 1 } },
    },
  ];

function attentionVariants(target: Target): Operation[] {
  return (['f32', 'f16'] as const).flatMap((format) =>
    ATTENTION_OPTIONS.flatMap(({ headSize, keyValueHeads, ...options }) => {
      const shape = { batch: 1, context: 8, heads: 4, headSize, ...(keyValueHeads && { keyValueHeads }) };
      const tensor = (name: string, type: Tensor['type'], elements: number): Tensor => ({
        name,
        type,
        elements,
      });
      const all = 3 * 16 * 4 * headSize;
      const [qkv, dqkv] = [tensor('qkv', format, all), tensor('dqkv', format, all)];
      const [out, dout] = [tensor('out', format, all), tensor('dout', format, all)];
      const [lse, dots] = [tensor('lse', 'f32', 32), tensor('dots', 'f32', 32)];
      const found: Tensor = { name: 'found', type: 'u32', elements: 4 };
      const args = { label: 'attention', found, shape, qkv, lse, out, ...options };
      return [attentionForward(target, args), ...attentionBackward(target, { ...args, dout, dots, dqkv })];
    }),
  );
}
