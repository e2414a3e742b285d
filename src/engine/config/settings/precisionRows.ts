/** Settings of number formats: rows of the table in table.ts. */
import { checkLossScale } from '../../precision/lossScale.ts';
import { MASTER_TABLE, MASTERS } from '../../precision/masters.ts';
import { DELAYED_SCALING } from '../../precision/quantization.ts';
import { LOSS_SCALINGS, takesCompound } from '../../precision/recipe.ts';
import {
  canHeal,
  delaysScales,
  groupsActivations,
  keepsBlocks,
  PRECISION_MODES,
  type PrecisionMode,
  quantizesAttention,
  quantizesHead,
  recipeOf,
  rulesScales,
  switches,
} from '../../precision/recipes.ts';
import { DEFAULT_ROUNDING, isSimulatedMode } from '../../precision/simulated.ts';
import { SMOOTH_SWIGLU_TABLE, takesSmoothSwiglu } from '../../precision/smoothSwiglu.ts';
import { LEVEL_ROWS } from './levelRows.ts';
import { choice, flag, name, number, summariesOf, titlesOf } from './row.ts';

const DELAYED = { modes: delaysScales, others: 'does not take scales from steps before' };
/** What the switches of the parts of a 4-bit mode have in common. */
const PART_OF_FP4 = (setting: Parameters<typeof switches>[0], others: string) =>
  ({
    standard: 'on',
    titles: { on: 'on', off: 'off' },
    takenBy: { modes: switches(setting), others },
    compared: ['on', 'off'],
    planned: true,
  }) as const;
const scalingKind = (mode: PrecisionMode) => recipeOf(mode).scaling.kind;
const mayBeCompound = (mode: PrecisionMode) => takesCompound(recipeOf(mode));

export const PRECISION_ROWS = {
  precision: name({
    default: 'fp16' as PrecisionMode,
    option: 'precision',
    group: 'modes',
    label: 'Precision',
    help: 'the precision mode',
    titles: Object.fromEntries([
      ...PRECISION_MODES.map((mode) => [mode, recipeOf(mode).title]),
      ['e<X>m<Y>', 'Simulated eXmY'],
    ]),
    check: recipeOf,
    inPyTorch: PRECISION_MODES.filter((mode) => recipeOf(mode).inPyTorch),
  }),
  /** How a simulated mode rounds; null takes the mode's default, and is all that other modes have. */
  rounding: choice({
    default: null,
    option: 'rounding',
    group: 'modes',
    label: 'Rounding',
    help: 'of simulated modes, e<X>m<Y>: toward zero, as arXiv 2405.18710 does, or to nearest even',
    standard: DEFAULT_ROUNDING,
    titles: { rz: 'toward zero', rne: 'to nearest even' },
    takenBy: { modes: isSimulatedMode, others: 'rounds to nearest even' },
    compared: ['rne', 'rz'],
  }),
  ...LEVEL_ROWS,
  /** How the weights that the optimizer updates are kept. */
  master: choice({
    planned: true,
    default: 'f32',
    option: 'master',
    group: 'training',
    label: 'Master weights',
    help: `how the weights that the optimizer updates are kept: ${summariesOf(MASTER_TABLE)}`,
    titles: titlesOf(MASTER_TABLE),
    compared: MASTERS,
    inPyTorch: ['f32'],
  }),
  /** The LM head's matmuls on quantised operands too. */
  quantizeHead: flag({
    planned: true,
    default: false,
    given: true,
    option: 'quantize-head',
    formerly: ['fp8-head', 'fp8Head'],
    group: 'quantization',
    label: 'LM head',
    help: "the LM head's matmuls read quantised operands too, and not only those of the blocks",
    titles: { off: 'bf16', on: 'quantised' },
    takenBy: { modes: quantizesHead, others: 'has no quantised LM head' },
    compared: ['on', 'off'],
  }),
  /** What attention reads on quantised operands too. */
  quantizeAttention: flag({
    planned: true,
    default: false,
    given: true,
    option: 'quantize-attention',
    group: 'quantization',
    label: 'Attention',
    help: "attention reads q, k, v and the gradient of its output rounded to 8 bits by the mode's own scaling",
    titles: { off: 'bf16', on: 'FP8' },
    takenBy: { modes: quantizesAttention, others: 'has no 8-bit floats for attention' },
    compared: ['on', 'off'],
  }),
  /** How the inputs of the activation function and of layer norms are kept. */
  quantizeActivations: choice({
    planned: true,
    default: 'tensor',
    option: 'quantize-activations',
    formerly: ['fp8-activations', 'fp8Activations'],
    group: 'quantization',
    label: 'Inputs of GELU and layer norm',
    help: 'how the inputs of GELU and layer norm are stored for the backward pass: both in 8 bits with a scale per 16 channels (1x16), or only those of GELU with one scale per tensor',
    titles: { tensor: 'FP8 and FP32', '1x16': 'FP8 in 1x16 groups (COAT)' },
    takenBy: { modes: groupsActivations, others: 'has no groups of channels with a scale' },
    compared: ['tensor', '1x16'],
  }),
  /** Of gated MLPs: what scales their product before it is quantised. */
  smoothSwiglu: choice({
    planned: true,
    default: 'off',
    option: 'smooth-swiglu',
    group: 'quantization',
    label: 'Smooth-SwiGLU',
    help: `how the product of a gated MLP is scaled before it is quantised: ${summariesOf(SMOOTH_SWIGLU_TABLE)}`,
    titles: titlesOf(SMOOTH_SWIGLU_TABLE),
    takenBy: {
      modes: (mode) => takesSmoothSwiglu(recipeOf(mode).row),
      others: 'does not quantise with a scale per tensor',
    },
    compared: ['off', 'token', 'channel'],
    inPyTorch: ['off'],
  }),
  /** Of delayed scales: steps that are remembered. */
  amaxHistory: number({
    planned: true,
    default: null,
    low: 1,
    high: 1024,
    option: 'amax-history',
    group: 'quantization',
    label: 'Scale history',
    unit: 'steps',
    help: 'of delayed scales: steps whose largest magnitudes are remembered',
    standard: String(DELAYED_SCALING.historyLength),
    takenBy: DELAYED,
    compared: ['1', '4', '16', '64', '256'],
  }),
  amaxAlgorithm: choice({
    default: null,
    option: 'amax-algo',
    group: 'quantization',
    label: 'Scales from',
    help: 'of delayed scales: which value of the history sets the scale, its largest magnitude or that of the previous step',
    standard: DELAYED_SCALING.algorithm,
    titles: { max: 'its largest magnitude', most_recent: 'the previous step' },
    takenBy: DELAYED,
    compared: ['max', 'most_recent'],
  }),
  scaleMargin: number({
    default: null,
    low: 0,
    high: 16,
    option: 'scale-margin',
    formerly: ['fp8-margin', 'fp8Margin'],
    group: 'quantization',
    label: 'Scale margin',
    unit: 'powers of two',
    help: 'of delayed scales: headroom above the largest magnitude, in powers of two',
    standard: String(DELAYED_SCALING.margin),
    takenBy: DELAYED,
    compared: ['0', '1', '2'],
  }),
  scaleRule: choice({
    default: null,
    option: 'scale-rule',
    group: 'quantization',
    label: 'Scale rule',
    help: "of MX modes: the power of two for a block's largest magnitude; floor saturates, rceil never does",
    titles: { floor: 'floor (OCP)', rceil: 'round up', ceil: 'ceiling', even: 'of the rounded magnitude' },
    takenBy: { modes: rulesScales, others: 'has no powers of two for blocks' },
    compared: ['floor', 'rceil', 'ceil', 'even'],
  }),
  fp4Rht: choice({
    default: null,
    option: 'fp4-rht',
    group: 'quantization',
    label: 'Hadamard transform',
    help: 'of nvfp4: mixes each 16 tokens of both operands of dW',
    ...PART_OF_FP4('fp4Rht', 'has no Hadamard transform'),
  }),
  fp4TwoD: choice({
    default: null,
    option: 'fp4-2d',
    group: 'quantization',
    label: 'Square blocks of weights',
    help: 'of nvfp4: squares of 16 share a scale, so that both products read the same codes',
    ...PART_OF_FP4('fp4TwoD', 'has no square blocks to switch off'),
  }),
  fp4Sr: choice({
    default: null,
    option: 'fp4-sr',
    group: 'quantization',
    label: 'Stochastic rounding of gradients',
    help: 'of nvfp4: rounds output gradients up or down at random',
    ...PART_OF_FP4('fp4Sr', 'does not round gradients stochastically'),
  }),
  keepBf16: number({
    planned: true,
    default: null,
    low: 0,
    high: 1024,
    option: 'keep-bf16',
    group: 'quantization',
    label: 'Last blocks in bf16',
    help: 'of nvfp4: number of last blocks whose operands stay in bf16',
    takenBy: { modes: keepsBlocks, others: 'keeps no blocks in bf16' },
    compared: ['0', '1', '2'],
  }),
  /** Share of the steps, the last, whose operands are wider. */
  heal: number({
    planned: true,
    default: 0,
    low: 0,
    high: 0.9,
    whole: false,
    option: 'heal',
    group: 'quantization',
    label: 'Last steps in bf16',
    unit: 'share',
    help: 'of modes in 4 bits: share of the steps, the last, with bf16 operands',
    takenBy: { modes: canHeal, others: 'has no operands in 4 bits' },
    compared: ['0', '0.18'],
  }),
};

/** What modes have by themselves. */
export const SCALING_ROWS = {
  /** Where gradients are kept in f16: whether moments are in units of the loss scale. */
  lossScaling: choice({
    planned: true,
    default: 'mode',
    option: 'loss-scaling',
    group: 'scaling',
    label: 'Loss scaling',
    help: "of modes that keep parameter gradients in f16: the mode's own, or compound, in which gradients are never divided by the loss scale and AdamW's moments are kept in its units",
    titles: { mode: "the mode's own", compound: 'compound' },
    takenBy: { modes: mayBeCompound, others: 'does not keep parameter gradients in f16' },
    compared: LOSS_SCALINGS,
  }),
  /** Initial (dynamic) or fixed (static) loss scale; null takes the mode's default. */
  lossScale: number({
    default: null,
    low: 1,
    high: 2 ** 126,
    check: (scale) => checkLossScale(scale, 'loss-scale'),
    option: 'loss-scale',
    formerly: ['lossScale'],
    group: 'scaling',
    label: 'Initial loss scale',
    help: 'initial (dynamic) or fixed (static) loss scale: a power of two, written 65536 or 2^16',
    takenBy: {
      modes: (mode) => scalingKind(mode) !== 'none' || mayBeCompound(mode),
      others: 'does not scale the loss',
    },
    compared: ['1', '2^8', '2^12', '2^16', '2^20'],
  }),
  /** Clean steps before the loss scale doubles; null takes the mode's default. */
  growthInterval: number({
    default: null,
    low: 1,
    high: 1e9,
    option: 'growth-interval',
    formerly: ['growthInterval'],
    group: 'scaling',
    label: 'Growth interval',
    unit: 'steps',
    help: 'clean steps before a dynamic loss scale doubles',
    takenBy: {
      modes: (mode) => scalingKind(mode) === 'dynamic' || mayBeCompound(mode),
      others: 'has no dynamic loss scale',
      givenByPresets: true,
    },
    compared: ['20', '200', '2000'],
  }),
  /** How f16 is stored: `auto` takes native where the adapter has shader-f16. */
  half: choice({
    default: 'auto',
    option: 'f16',
    group: 'scaling',
    label: 'f16 storage',
    help: 'native needs the WebGPU feature shader-f16; packed, two values per word, rounds the same and runs everywhere',
    titles: { auto: 'best for this adapter', native: 'native', packed: 'packed' },
    resumable: true,
  }),
};
