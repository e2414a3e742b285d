/** Settings of steps, the optimizer and what is measured on the way: rows of the table in table.ts. */

import { AUTO_KERNELS, KERNEL_TITLES, readKernels } from '../../kernels/kernelOption.ts';
import { OPTIMIZER_TABLE, OPTIMIZERS, type Optimizer } from '../../kernels/optimizers/table.ts';
import { OPTIM_STATE_TABLE, OPTIM_STATES } from '../../precision/optimStates.ts';
import { SHAPE_RANGES } from '../gptConfig.ts';
import { MUON_ROWS } from './muonRows.ts';
import { choice, name, number, titlesOf } from './row.ts';
import { SELECTION_ROWS } from './selectionRows.ts';
import { STABILITY_ROWS } from './stabilityRows.ts';

/** From the most memory to the least, and from the least work to the most. Losses and weights are the same, bit by bit. */
export const RECOMPUTE_LEVELS = ['none', 'gelu', 'gelu-ln', 'block'] as const;
export type RecomputeLevel = (typeof RECOMPUTE_LEVELS)[number];

const optimizers = Object.values(OPTIMIZER_TABLE)
  .map(({ title, summary }) => `${title}: ${summary}`)
  .join(' ');

/** The settings that an optimizer does not read. */
function unusedBy(id: Optimizer): readonly string[] {
  const { unused, readsMuon } = OPTIMIZER_TABLE[id];
  return readsMuon ? unused : [...unused, ...Object.keys(MUON_ROWS)];
}

const training = { group: 'training' } as const;
const run = { group: 'run' } as const;

export const TRAINING_ROWS = {
  /** Steps attempted; skipped ones count. */
  steps: number({
    planned: true,
    ...run,
    default: 2000,
    low: 0,
    high: 1_000_000,
    option: 'steps',
    label: 'Steps',
    help: 'optimizer steps to attempt; skipped ones count',
    resumable: true,
  }),
  seed: number({
    ...run,
    default: 1337,
    low: 0,
    high: 0xffffffff,
    option: 'seed',
    label: 'Seed',
    help: 'for initial weights, batches and the sample',
  }),
  /** B: windows of a batch. A step is made of `accumulation` of them, an evaluation of `evalBatches`. */
  batch: number({
    planned: true,
    ...training,
    default: 16,
    low: 1,
    high: 65_536,
    option: 'batch',
    label: 'Batch',
    unit: 'windows',
    help: 'windows in a batch, of a step and of an evaluation',
  }),
  /** Batches in a step. */
  accumulation: number({
    ...training,
    default: 1,
    low: 1,
    high: 65_536,
    option: 'accum',
    label: 'Accumulation',
    unit: 'batches',
    help: 'batches whose gradients make one step',
  }),
  /**
   * Windows that are computed at once, a divisor of `batch`; null for all of them. Decides memory and the order of sums, and
   * nothing of what a step or an evaluation is made of.
   */
  microBatch: number({
    ...training,
    default: null,
    low: 1,
    high: 65_536,
    option: 'micro-batch',
    label: 'Micro-batch',
    unit: 'windows',
    help: 'windows of a batch that are computed at once, a divisor of it: the same steps and evaluations in less memory',
    standard: 'the batch',
    resumable: true,
  }),
  /** What the backward pass recomputes instead of keeping. Changes memory and speed, and not one bit of the results. */
  recompute: choice({
    planned: true,
    ...training,
    default: 'none',
    option: 'recompute',
    label: 'Recompute',
    help: 'what the backward pass recomputes instead of storing: less memory, slower, identical bits; gelu and gelu-ln stand for the activation function and the norms of the model',
    titles: { none: 'nothing', gelu: 'GELU', 'gelu-ln': 'GELU and layer norm', block: 'whole blocks' },
    resumable: true,
  }),
  /** How the optimizer's states are kept between steps. */
  optimState: choice({
    planned: true,
    ...training,
    default: 'f32',
    option: 'optim-state',
    label: 'Optimizer state',
    help: "how the optimizer's states are stored between steps: AdamW's two moments take 8 bytes per parameter in FP32, otherwise 2 to 4",
    titles: titlesOf(OPTIM_STATE_TABLE),
    compared: OPTIM_STATES,
    inPyTorch: ['f32'],
  }),
  optimizer: choice({
    planned: true,
    ...training,
    default: 'adamw',
    option: 'optimizer',
    label: 'Optimizer',
    help: `what updates the weights. ${optimizers.replace(/\.$/, '')}`,
    titles: titlesOf(OPTIMIZER_TABLE),
    compared: OPTIMIZERS,
    disables: Object.fromEntries(OPTIMIZERS.map((id) => [id, unusedBy(id)])),
    inPyTorch: OPTIMIZERS.filter((id) => OPTIMIZER_TABLE[id].inPyTorch),
  }),
  learningRate: number({
    ...training,
    default: 1e-3,
    low: 0,
    high: 10,
    whole: false,
    option: 'lr',
    label: 'Learning rate',
    help: 'highest learning rate of the schedule',
  }),
  /** Base width of muP; null for GPT-2's initial weights and one learning rate. */
  mupBase: number({
    ...training,
    default: null,
    low: 4,
    high: SHAPE_RANGES.width.high,
    option: 'mup',
    label: 'muP base width',
    unit: 'channels',
    help: 'scales initial weights and learning rates by width / base (muP), so that the learning rate that is best at the base width is best at others',
    standard: 'off',
    inPyTorch: [null],
  }),
  minLearningRate: number({
    ...training,
    default: 1e-4,
    low: 0,
    high: 10,
    whole: false,
    option: 'min-lr',
    label: 'Minimum learning rate',
    help: 'learning rate at the end of the schedule',
    standard: 'lr / 10',
  }),
  warmup: number({
    ...training,
    default: 100,
    low: 0,
    high: 1_000_000,
    option: 'warmup',
    label: 'Warm-up',
    unit: 'steps',
    help: 'steps in which the learning rate rises linearly from zero; at most a tenth of all unless given',
  }),
  /** How the learning rate falls from the warm-up to the last step. */
  lrSchedule: choice({
    ...training,
    default: 'cosine',
    option: 'lr-schedule',
    label: 'Learning rate schedule',
    help: 'how the learning rate falls after the warm-up: along a cosine, linearly, not at all, or as warmup-stable-decay (wsd), which keeps it until the last fifth of the steps and then lets it fall by 1 - sqrt',
    titles: {
      cosine: 'cosine',
      linear: 'linear',
      constant: 'constant',
      wsd: 'warmup-stable-decay',
    },
    compared: ['cosine', 'linear', 'constant', 'wsd'],
    disables: { constant: ['minLearningRate'] },
    inPyTorch: ['cosine'],
  }),
  weightDecay: number({
    ...training,
    default: 0.1,
    low: 0,
    high: 10,
    whole: false,
    option: 'weight-decay',
    label: 'Weight decay',
    help: 'decoupled weight decay, of matrices only',
  }),
  /** Of the embeddings, of attention's probabilities, and of what attention and MLP add to the stream, in training alone. */
  dropout: number({
    planned: true,
    ...training,
    default: 0,
    low: 0,
    high: 0.99,
    whole: false,
    option: 'dropout',
    label: 'Dropout',
    help: "share of the embeddings, of attention's probabilities and of what attention and MLP add that is set to zero in training, against overfitting on a small text; 0 turns it off",
    inPyTorch: [0],
  }),
  /** Of the weights after each applied step; 0 keeps no average. */
  emaDecay: number({
    planned: true,
    ...training,
    default: 0,
    low: 0,
    high: 0.999999,
    whole: false,
    option: 'ema-decay',
    label: 'Weight average decay',
    help: 'keeps an exponential moving average of the weights, in FP32, that moves by 1 - decay of the way each step, as 0.999; it is evaluated beside the weights and can be exported; 0 keeps none',
    inPyTorch: [0],
  }),
  beta1: number({
    ...training,
    default: 0.9,
    low: 0,
    high: 0.999999,
    whole: false,
    option: 'beta1',
    label: 'Beta 1',
    help: "the faster of the optimizer's two decay rates: in AdamW that of the first moment",
  }),
  beta2: number({
    ...training,
    default: 0.99,
    low: 0,
    high: 0.999999,
    whole: false,
    option: 'beta2',
    label: 'Beta 2',
    help: "the slower of the optimizer's two decay rates: in AdamW that of the second moment",
  }),
  epsilon: number({
    ...training,
    default: 1e-8,
    low: 1e-30,
    high: 1,
    whole: false,
    option: 'epsilon',
    label: 'Epsilon',
    help: "added to the root of AdamW's second moment, by which an update is divided",
  }),
  ...MUON_ROWS,
  /** Largest global norm of the unscaled gradient; 0 turns clipping off. */
  clip: number({
    ...training,
    default: 1,
    low: 0,
    high: 1e6,
    whole: false,
    option: 'clip',
    label: 'Gradient clip',
    unit: 'norm',
    help: 'largest norm of the unscaled gradient; 0 turns clipping off',
  }),
  /** z of z (log Z)^2, which is added to the loss that is optimised and not to the one that is reported. */
  zLoss: number({
    ...training,
    default: 0,
    low: 0,
    high: 1,
    whole: false,
    option: 'z-loss',
    label: 'Z-loss',
    help: 'adds so many times (log Z)^2 to the loss of a token, Z the sum of exp(logit), which keeps logits from drifting; 0 is off, PaLM has 1e-4. The reported loss stays the cross entropy',
  }),
  ...STABILITY_ROWS,
  /** The families of kernels that compute the run, where no measurement is to choose; see docs/kernels.md. */
  kernels: name({
    ...training,
    default: AUTO_KERNELS as string,
    option: 'kernels',
    label: 'Kernels',
    help: 'which kernels multiply matrices and compute attention: the fastest that the adapter shows at the start, or those named',
    written: 'names of different parts are joined by a plus, as tiled+attention-uniform',
    titles: KERNEL_TITLES,
    check: readKernels,
    resumable: true,
  }),
  /** Steps between evaluations; 0 evaluates only at the end. */
  evalEvery: number({
    ...training,
    default: 250,
    low: 0,
    high: 1_000_000,
    option: 'eval-every',
    label: 'Evaluation interval',
    unit: 'steps',
    help: 'steps between evaluations; 0 evaluates only at the end',
    resumable: true,
  }),
  evalBatches: number({
    ...training,
    default: 8,
    low: 1,
    high: 100_000,
    option: 'eval-batches',
    label: 'Evaluation batches',
    unit: 'batches',
    help: 'batches of an evaluation: the same validation windows every time',
    resumable: true,
  }),
  ...SELECTION_ROWS,
  /** Steps between measurements of loss-landscape sharpness; 0 never measures it. */
  sharpnessEvery: number({
    planned: true,
    ...training,
    default: 0,
    low: 0,
    high: 1_000_000,
    option: 'sharpness-every',
    label: 'Sharpness interval',
    unit: 'steps',
    help: 'steps between measurements of how sharply the loss rises around the logits, on one validation batch; 0 never measures it',
  }),
  /** Tokens of the sample written at the end; 0 for none. */
  sampleLength: number({
    ...training,
    default: 300,
    low: 0,
    high: 1_000_000,
    option: 'sample',
    label: 'Final sample',
    unit: 'tokens',
    help: 'tokens of text written at the end; 0 for none',
    resumable: true,
  }),
};
