/** Every option of `npm run train`: the parser, the help text and the suggestions all read this one table. */
import {
  AMAX_ALGORITHMS,
  EXPORT_DTYPES,
  type ExportDtype,
  MLP_KINDS,
  MLPS,
  NORM_KINDS,
  NORMS,
  type NumberField,
  OPTIM_STATES,
  OPTIMIZERS,
  PRECISION_MODES,
  PRESET_NAMES,
  QUANTIZED_ACTIVATIONS,
  RECOMPUTE_LEVELS,
  ROUNDINGS,
  TEXT_IDS,
} from '../engine/index.ts';

export type ChoiceField =
  | 'precision'
  | 'rounding'
  | 'amaxAlgorithm'
  | 'quantizeActivations'
  | 'optimizer'
  | 'optimState'
  | 'norm'
  | 'mlp'
  | 'half'
  | 'tokenizer'
  | 'order'
  | 'recompute';

export const DEFAULT_EXPORT_DTYPE: ExportDtype = 'F32';
export const DEFAULT_SAVE_EVERY = 500;

interface OptionText {
  readonly name: string;
  /** What it does, with its unit. Defaults are added from the preset. */
  readonly help: string;
  /** The default, where it is not the preset's value. */
  readonly standard?: string;
}

export type OptionSpec = OptionText &
  (
    | { readonly kind: 'number'; readonly field: NumberField }
    | { readonly kind: 'choice'; readonly field: ChoiceField; readonly choices: readonly string[] }
    | { readonly kind: 'name'; readonly choices: readonly string[] }
    | { readonly kind: 'file' }
    | { readonly kind: 'folder' }
    /** Names separated by commas. */
    | { readonly kind: 'list'; readonly choices: readonly string[] }
    /** Numbers separated by commas. */
    | { readonly kind: 'numbers' }
    /** A whole number that is no field of a configuration. */
    | { readonly kind: 'count' }
    /** Bytes, as 24GiB. */
    | { readonly kind: 'size' }
    | { readonly kind: 'flag'; readonly short?: string }
  );

const number = (name: string, field: NumberField, help: string): OptionSpec => ({
  kind: 'number',
  name,
  field,
  help,
});

function summaries(kinds: Readonly<Record<string, { readonly summary: string }>>): string {
  return Object.entries(kinds)
    .map(([kind, { summary }]) => `${kind} ${summary}`)
    .join('; ');
}

export const OPTION_GROUPS: Readonly<Record<string, readonly OptionSpec[]>> = {
  Run: [
    { kind: 'name', name: 'preset', choices: PRESET_NAMES, help: 'where all other values start' },
    number('steps', 'steps', 'optimizer steps to attempt; skipped ones count'),
    number('seed', 'seed', 'for initial weights, batches and the sample'),
    {
      kind: 'file',
      name: 'init',
      help: 'start from the weights of a GPT-2 in safetensors, which decide the shape; --steps 0 only evaluates',
    },
  ],
  Precision: [
    {
      kind: 'choice',
      name: 'precision',
      field: 'precision',
      choices: [...PRECISION_MODES, 'e<X>m<Y>'],
      help: 'the precision mode',
    },
    {
      kind: 'choice',
      name: 'rounding',
      field: 'rounding',
      choices: ROUNDINGS,
      help: 'how an e<X>m<Y> mode rounds: toward zero or to nearest even',
    },
    {
      kind: 'flag',
      name: 'quantize-head',
      help: "of modes with quantised operands: the LM head's matmuls read them too, and not only those of the blocks",
    },
    {
      kind: 'choice',
      name: 'quantize-activations',
      field: 'quantizeActivations',
      choices: QUANTIZED_ACTIVATIONS,
      help: 'of modes with quantised operands: the inputs of GELU and layer norm in 8 bits with a scale for each 16 channels, or only that of GELU with one of the tensor',
    },
    number('amax-history', 'amaxHistory', 'steps whose largest magnitudes fp8-delayed remembers'),
    {
      kind: 'choice',
      name: 'amax-algo',
      field: 'amaxAlgorithm',
      choices: AMAX_ALGORITHMS,
      help: 'what of them makes the scales: the largest, or that of the step before',
    },
    number('scale-margin', 'scaleMargin', 'powers of two of room that scales of fp8-delayed leave above it'),
    number(
      'loss-scale',
      'lossScale',
      'first (dynamic) or fixed (static) loss scale, a power of two, also as 2^16',
    ),
    number('growth-interval', 'growthInterval', 'clean steps before a dynamic loss scale doubles'),
    {
      kind: 'choice',
      name: 'f16',
      field: 'half',
      choices: ['auto', 'native', 'packed'],
      help: 'how f16 is stored: natively (needs shader-f16) or as two halves in a word',
    },
  ],
  Model: [
    number('layers', 'layers', 'transformer blocks'),
    number('heads', 'heads', 'attention heads; width / heads must be a multiple of 4'),
    number('width', 'width', 'channels'),
    number('ctx', 'context', 'tokens in a window'),
    number('vocab', 'vocabulary', "least tokens of the vocabulary; a smaller tokenizer's is filled up"),
    { kind: 'flag', name: 'untied', help: 'the output matrix is not shared with the token embedding' },
    {
      kind: 'choice',
      name: 'norm',
      field: 'norm',
      choices: NORM_KINDS,
      help: `before attention, MLP and head: ${summaries(NORMS)}`,
    },
    {
      kind: 'choice',
      name: 'mlp',
      field: 'mlp',
      choices: MLP_KINDS,
      help: `the activation function of the MLP: ${summaries(MLPS)}`,
    },
  ],
  Text: [
    { kind: 'name', name: 'text', choices: TEXT_IDS, help: 'a built-in text' },
    { kind: 'file', name: 'data', help: 'a UTF-8 text file of your own' },
    {
      kind: 'choice',
      name: 'tokenizer',
      field: 'tokenizer',
      choices: ['char', 'byte', 'bpe:1024', 'gpt2', 'gpt2-eot'],
      help: "one token a character, a UTF-8 byte, or a piece of a word: bpe:N learns up to N tokens from the text, gpt2 has GPT-2's 50,257, gpt2-eot takes <|endoftext|> in the text as the one that ends a document",
    },
    {
      kind: 'choice',
      name: 'order',
      field: 'order',
      choices: ['random', 'sequential'],
      help: 'where windows start: seeded random places, or one after the other',
    },
  ],
  Training: [
    number('batch', 'batch', 'windows in a batch'),
    number('accum', 'accumulation', 'batches in a step'),
    number(
      'micro-batch',
      'microBatch',
      'windows of a batch that are computed at once: the same steps and evaluations in less memory',
    ),
    {
      kind: 'choice',
      name: 'recompute',
      field: 'recompute',
      choices: RECOMPUTE_LEVELS,
      help: 'what the backward pass recomputes instead of keeping it: the same results in less memory, slower',
    },
    {
      kind: 'choice',
      name: 'optimizer',
      field: 'optimizer',
      choices: OPTIMIZERS,
      help: 'what updates the weights; listed in npm run train -- --help',
    },
    {
      kind: 'choice',
      name: 'optim-state',
      field: 'optimState',
      choices: OPTIM_STATES,
      help: "how the optimizer's states are kept between steps; listed in npm run train -- --help",
    },
    number('lr', 'learningRate', 'highest learning rate'),
    {
      ...number('min-lr', 'minLearningRate', 'where the learning rate would be after the last step'),
      standard: 'lr / 10',
    },
    number('warmup', 'warmup', 'steps of linear warm-up; at most a tenth of the steps unless given'),
    number('weight-decay', 'weightDecay', 'decoupled weight decay of matrices'),
    number(
      'beta2',
      'beta2',
      "the slower of the optimizer's two decay rates: in AdamW that of the second moment",
    ),
    number('clip', 'clip', 'largest norm of the unscaled gradient; 0 turns clipping off'),
  ],
  Output: [
    number('eval-every', 'evalEvery', 'steps between evaluations; 0 evaluates only at the end'),
    number('eval-batches', 'evalBatches', 'batches of an evaluation'),
    number(
      'sharpness-every',
      'sharpnessEvery',
      'steps between measurements of loss-landscape sharpness; 0 never measures it',
    ),
    number('sample', 'sampleLength', 'tokens of text written at the end; 0 for none'),
    { kind: 'folder', name: 'export', help: 'write the trained model for Hugging Face libraries' },
    {
      kind: 'name',
      name: 'export-dtype',
      choices: EXPORT_DTYPES,
      help: 'numbers of the exported weights',
      standard: DEFAULT_EXPORT_DTYPE,
    },
    { kind: 'file', name: 'save', help: 'write the run to this .safetensors file, to go on with it later' },
    {
      kind: 'count',
      name: 'save-every',
      help: 'steps between saves; 0 saves only at the end',
      standard: String(DEFAULT_SAVE_EVERY),
    },
    {
      kind: 'file',
      name: 'resume',
      help: "go on with a saved run; --steps is the new total, and what is not given is the run's",
    },
    {
      kind: 'count',
      name: 'numerics-every',
      help: 'with --json: steps between lines on what narrow formats did to each tensor; 0 for none',
      standard: '0',
    },
    { kind: 'flag', name: 'json', help: 'JSON lines on standard output, messages on standard error' },
    { kind: 'flag', name: 'help', short: 'h', help: 'this text' },
  ],
};

export const OPTIONS: readonly OptionSpec[] = Object.values(OPTION_GROUPS).flat();
