/** What each setting is called, counted in and for. */
import {
  MLPS,
  NORMS,
  OPTIM_STATE_TABLE,
  OPTIMIZER_TABLE,
  type PrecisionMode,
  quantizesOperands,
  rangeOf,
} from '../../engine/index.ts';
import type { PresetSetting } from '../../store/changes.ts';
import { type CHOICES, type ChoiceSetting, NUMBER_FIELDS, type NumberSetting } from '../../store/settings.ts';

/** Where a field cannot be changed. */
export const BY_FILE = 'Taken from the file that the run starts from.';

interface NumberWords {
  readonly label: string;
  readonly unit?: string;
  readonly help?: string;
}

export const NUMBER_WORDS: Readonly<Record<NumberSetting, NumberWords>> = {
  layers: { label: 'Layers', unit: 'blocks', help: 'Transformer blocks, one after the other.' },
  heads: { label: 'Heads', unit: 'a layer', help: 'Width / heads must be a multiple of 4.' },
  width: { label: 'Width', unit: 'channels', help: 'Numbers that stand for one token.' },
  ctx: { label: 'Context', unit: 'tokens', help: 'How far back the model sees.' },
  vocab: {
    label: 'Vocabulary',
    unit: 'tokens',
    help: "A minimum: a smaller tokenizer's is padded with tokens that no text has.",
  },
  batch: { label: 'Batch', unit: 'windows', help: 'Of a step and of an evaluation.' },
  accum: { label: 'Accumulation', unit: 'batches', help: 'Batches whose gradients make one step.' },
  'micro-batch': {
    label: 'Micro-batch',
    unit: 'windows',
    help: 'Computed at once: a divisor of the batch. It decides the memory of activations.',
  },
  steps: { label: 'Steps' },
  lr: { label: 'Learning rate', help: 'The highest of the schedule.' },
  'min-lr': { label: 'Lowest learning rate', help: 'Where it would be after the last step.' },
  warmup: { label: 'Warm-up', unit: 'steps', help: 'The learning rate rises in a line from zero.' },
  'weight-decay': { label: 'Weight decay', help: 'Of matrices only.' },
  beta2: {
    label: 'Beta 2',
    help: "The slower of the optimizer's two decay rates: in AdamW that of the second moment.",
  },
  clip: {
    label: 'Gradient clip',
    unit: 'norm',
    help: 'Largest norm of the unscaled gradient; 0 turns clipping off.',
  },
  seed: { label: 'Seed' },
  'eval-every': { label: 'Evaluation interval', unit: 'steps', help: '0 evaluates only at the end.' },
  'eval-batches': {
    label: 'Evaluation batches',
    unit: 'batches',
    help: 'The same validation windows every time.',
  },
  'sharpness-every': {
    label: 'Sharpness interval',
    unit: 'steps',
    help: 'How sharply the loss rises around the logits, on one validation batch; 0 never measures it.',
  },
  lossScale: { label: 'Loss scale at the start', help: 'A power of two, written 65536 or 2^16.' },
  growthInterval: {
    label: 'Growth interval',
    unit: 'steps',
    help: 'Clean steps before the loss scale doubles.',
  },
  'amax-history': {
    label: 'Scale history',
    unit: 'steps',
    help: 'Of delayed scales: steps whose largest magnitudes are remembered.',
  },
  'scale-margin': {
    label: 'Scale margin',
    unit: 'powers of two',
    help: 'Room that delayed scales leave above the largest magnitude.',
  },
};

interface ChoiceWords {
  readonly label: string;
  readonly help: string;
  readonly values: Readonly<Record<string, string>>;
}

function titles<Id extends string>(
  rows: Readonly<Record<Id, { readonly title: string }>>,
): Readonly<Record<Id, string>> {
  const entries = Object.entries<{ readonly title: string }>(rows).map(([id, { title }]) => [id, title]);
  return Object.fromEntries(entries) as Record<Id, string>;
}

function summaries(
  rows: Readonly<Record<string, { readonly title: string; readonly summary: string }>>,
): string {
  return Object.values(rows)
    .map(({ title, summary }) => `${title} ${summary}`)
    .join('; ');
}

export const CHOICE_WORDS: {
  readonly [Key in ChoiceSetting]: ChoiceWords & {
    readonly values: Readonly<Record<(typeof CHOICES)[Key][number], string>>;
  };
} = {
  untied: {
    label: 'Output matrix',
    help: 'Tied: the token embedding is also what the logits are made with, as in GPT-2.',
    values: { '0': 'tied', '1': 'of its own' },
  },
  norm: {
    label: 'Norm',
    help: `Before attention, MLP and head: ${summaries(NORMS)}.`,
    values: titles(NORMS),
  },
  mlp: {
    label: 'MLP activation',
    help: `Between the two layers of the MLP: ${summaries(MLPS)}.`,
    values: titles(MLPS),
  },
  tokenizer: {
    label: 'Tokenizer',
    help: "One token a character of the text, one a UTF-8 byte, or one a piece of a word: learned from the text, or GPT-2's own.",
    values: {
      char: 'characters',
      byte: 'bytes',
      'bpe:1024': '1,024 pieces of words',
      'bpe:4096': '4,096 pieces of words',
      gpt2: "GPT-2's 50,257 pieces",
      'gpt2-eot': "GPT-2's, <|endoftext|> ends a document",
    },
  },
  order: {
    label: 'Order',
    help: 'Where the windows of a batch start.',
    values: { random: 'at random places', sequential: 'one after the other' },
  },
  'quantize-head': {
    label: 'LM head',
    help: 'Of FP8 modes: what the logits are made with.',
    values: { '0': 'bf16', '1': 'FP8' },
  },
  'quantize-activations': {
    label: 'Inputs of GELU and layer norm',
    help: 'Kept for the backward pass. With a scale for each 16 channels 8 bits do for layer norm too.',
    values: { tensor: 'FP8 and FP32', '1x16': 'FP8 in 1x16 groups (COAT)' },
  },
  'amax-algo': {
    label: 'Scales from',
    help: 'Of delayed scales: what of the history counts.',
    values: { max: 'its largest magnitude', most_recent: 'the step before' },
  },
  recompute: {
    label: 'Recompute',
    help: 'What the backward pass computes again instead of keeping it: less memory, slower, the same results bit by bit. Of other kinds of model their activation and norms.',
    values: {
      none: 'nothing',
      gelu: 'GELU',
      'gelu-ln': 'GELU and layer norm',
      block: 'whole blocks',
    },
  },
  optimizer: {
    label: 'Optimizer',
    help: Object.values(OPTIMIZER_TABLE)
      .map(({ title, summary }) => `${title}: ${summary}`)
      .join(' '),
    values: titles(OPTIMIZER_TABLE),
  },
  'optim-state': {
    label: 'Optimizer state',
    help: "How the optimizer's states are kept: AdamW's two moments take 8 bytes a parameter in FP32, else 4, 2.13 and 3.",
    values: titles(OPTIM_STATE_TABLE),
  },
};

/** The other stands beside the modes that take it. */
export type GroupedSetting = Exclude<PresetSetting, 'rounding'>;

export interface Group {
  readonly title: string;
  readonly testId: string;
  readonly settings: readonly GroupedSetting[];
  /** Whether a mode takes any of them; all do where absent. */
  readonly takenBy?: (mode: PrecisionMode) => boolean;
}

/** Steps and seed stand above the groups: they are what people change most. */
export const GROUPS: readonly Group[] = [
  {
    title: 'Model',
    testId: 'group-model',
    settings: ['layers', 'heads', 'width', 'ctx', 'norm', 'mlp', 'untied'],
  },
  {
    title: 'Training',
    testId: 'group-training',
    settings: [
      'batch',
      'accum',
      'micro-batch',
      'recompute',
      'optimizer',
      'optim-state',
      'lr',
      'min-lr',
      'warmup',
      'weight-decay',
      'beta2',
      'clip',
      'eval-every',
      'eval-batches',
      'sharpness-every',
    ],
  },
  { title: 'Data', testId: 'group-data', settings: ['tokenizer', 'vocab', 'order'] },
  {
    title: 'FP8',
    testId: 'group-fp8',
    settings: ['quantize-head', 'quantize-activations', 'amax-history', 'amax-algo', 'scale-margin'],
    takenBy: quantizesOperands,
  },
  {
    title: 'Loss scale and f16 storage',
    testId: 'advanced',
    settings: ['lossScale', 'growthInterval', 'f16'],
  },
];

const digits = new Intl.NumberFormat('en-US', { maximumFractionDigits: 6 });

/** "1 to 1,024": what a number may be on its own. */
export function rangeWords(key: NumberSetting): string {
  const { low, high } = rangeOf(NUMBER_FIELDS[key]);
  return high > 1e12
    ? `${digits.format(low)} to 2^${Math.log2(high)}`
    : `${digits.format(low)} to ${digits.format(high)}`;
}

/** "3 changes", "1 change". */
export function countChanges(count: number): string {
  return count === 1 ? '1 change' : `${count} changes`;
}
