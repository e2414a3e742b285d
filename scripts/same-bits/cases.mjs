/**
 * The runs of same-bits: a pairwise cover, in which any two values of different options occur together in some run, if the
 * command line accepts them together.
 */
import { pairwiseCover } from './cover.mjs';

const FP8 = ['fp8', 'fp8-delayed'];
const SIMULATED = ['e5m2', 'e8m7'];
const DYNAMIC = ['fp16', 'fp16-tf32'];
const WITHOUT_MASTER = ['fp16-pure', 'bf16-sr'];
const HALVES = ['fp16', 'fp16-tf32', 'fp16-static', 'fp16-noscale', 'fp16-pure'];
const INTEGERS = ['int8', 'int8-m', 'int8-q', 'int8-all'];
const BLOCKS = ['fp8-block', 'mxfp8', 'mxfp4', 'nvfp4'];
const GATED = ['swiglu', 'geglu'];

/** Values of every option. The first is the default, which is left out of the command; true means the option without a value. */
const OPTIONS = {
  precision: [
    'fp32',
    'tf32',
    ...HALVES,
    'bf16',
    'bf16-sr',
    'bf16-split',
    ...FP8,
    ...INTEGERS,
    ...BLOCKS,
    ...SIMULATED,
  ],
  optimizer: ['adamw', 'stable-adamw', 'lion', 'muon'],
  'optim-state': ['f32', 'bf16', 'fp8', 'fp8-lm', 'fp8-e4m3-e5m2', 'fp8-e4m3-e4m3'],
  master: ['f32', 'kahan', 'fx64'],
  'update-rms': [false, true],
  skip: ['step', 'tensor'],
  sums: ['f32', 'fx64'],
  'smooth-swiglu': ['off', 'token', 'channel'],
  'scale-rule': ['own', 'rceil'],
  'keep-bf16': ['own', 1],
  dropout: [0, 0.25],
  'ema-decay': [0, 0.9],
  recompute: ['none', 'gelu', 'gelu-ln', 'block'],
  norm: ['layernorm', 'rmsnorm'],
  mlp: ['gelu', 'relu2', 'swiglu', 'geglu'],
  intermediate: ['own', 96],
  position: ['learned', 'rope'],
  'kv-heads': ['heads', 1],
  'head-size': ['width / heads', 24],
  'qk-norm': [false, true],
  biases: ['all', 'qkv', 'none'],
  'norm-epsilon': [1e-5, 1e-3],
  'layer-scale': ['none', 0.5],
  'attention-soft-cap': [0, 2],
  'logit-soft-cap': [0, 5],
  'z-loss': [0, 1e-3],
  untied: [false, true],
  accum: [1, 3],
  'micro-batch': ['batch', 2],
  rounding: ['rz', 'rne'],
  'quantize-head': [false, true],
  'quantize-activations': ['tensor', '1x16'],
  'amax-history': [16, 4],
  'amax-algo': ['max', 'most_recent'],
  'scale-margin': [0, 1],
  // 2^32 overflows f16, so that the first steps are skipped while the scale falls.
  'loss-scale': ['default', 2 ** 32],
  f16: ['auto', 'native'],
  vocab: ['own', 300],
  tokenizer: ['char', 'byte'],
  order: ['random', 'sequential'],
  clip: [1, 0],
  'sharpness-every': [0, 5],
};

/** Names of options in checkouts from before they were renamed. */
const FORMER_NAMES = {
  'quantize-head': 'fp8-head',
  'quantize-activations': 'fp8-activations',
  'scale-margin': 'fp8-margin',
};

/** The modes that accept other values than the default of an option. Options that are not listed go with every mode. */
const TAKEN_BY = {
  rounding: SIMULATED,
  'quantize-head': FP8,
  'quantize-activations': FP8,
  'amax-history': ['fp8-delayed'],
  'amax-algo': ['fp8-delayed'],
  'scale-margin': ['fp8-delayed'],
  'loss-scale': DYNAMIC,
  f16: HALVES,
  'smooth-swiglu': FP8,
  'scale-rule': ['mxfp8', 'mxfp4'],
  'keep-bf16': ['nvfp4'],
};

const FP8_STATES = ['fp8', 'fp8-lm', 'fp8-e4m3-e5m2', 'fp8-e4m3-e4m3'];

/** Values that go with some values of another option only, whatever the mode. */
const PARTNERS = [
  ...FP8_STATES.map((state) => ['optim-state', state, 'optimizer', ['adamw', 'stable-adamw']]),
  ['master', 'fx64', 'optim-state', ['f32', 'bf16', 'fp8-lm', 'fp8-e4m3-e5m2', 'fp8-e4m3-e4m3']],
  ['sums', 'fx64', 'skip', ['step']],
  ...['token', 'channel'].map((scale) => ['smooth-swiglu', scale, 'mlp', GATED]),
];

/** Whether some precision mode accepts all values of `row`, which may be incomplete. */
function isTaken(row) {
  for (const [option, value, other, values] of PARTNERS)
    if (row[option] === value && other in row && !values.includes(row[other])) return false;
  const modes = 'precision' in row ? [row.precision] : OPTIONS.precision;
  return modes.some((mode) => Object.entries(row).every(([option, value]) => takes(mode, option, value)));
}

function takes(mode, option, value) {
  if (value === OPTIONS[option][0]) return true;
  if (option === 'optim-state' && value !== 'bf16') return !WITHOUT_MASTER.includes(mode);
  if (value === 'kahan') return mode === 'fp16-pure';
  if (option === 'master' && value === 'fx64') return ![...WITHOUT_MASTER, 'bf16-split'].includes(mode);
  return TAKEN_BY[option]?.includes(mode) ?? true;
}

/** The model is small, so that kernel compilation dominates, but has several chunks of rows and of the vocabulary. */
const SHAPE = ['--preset', 'smoke', '--width', '32', '--ctx', '32', '--batch', '4', '--warmup', '2'];
const RUN = ['--steps', '20', '--eval-every', '10', '--eval-batches', '2', '--sample', '0', '--seed', '7'];

/**
 * @param {string} help the output of `--help` in the old checkout
 * @returns {string[]} options of the cover that it does not list, which cannot be compared
 */
export function optionsMissingIn(help) {
  const listed = listedIn(help);
  return Object.keys(OPTIONS).filter((option) => !listed.has(option) && !listed.has(FORMER_NAMES[option]));
}

function listedIn(help) {
  return new Set(help.match(/(?<=--)[a-z][a-z0-9-]*/g));
}

/**
 * @param {readonly string[]} leftOut options that keep their defaults
 * @param {string | null} help of a checkout whose runs they are: names that it does not list are no values there
 * @returns {string[][]} the options of each run that differ from the defaults
 */
export function differingOptions(leftOut = [], help = null) {
  const isKnown = (value, i) => i === 0 || help === null || typeof value !== 'string' || lists(help, value);
  const varied = Object.fromEntries(
    Object.entries(OPTIONS)
      .filter(([option]) => !leftOut.includes(option))
      .map(([option, values]) => [option, values.filter(isKnown)]),
  );
  const rows = pairwiseCover(varied, isTaken);
  return rows.map((row) =>
    Object.entries(row)
      .filter(([option, value]) => option === 'precision' || value !== OPTIONS[option][0])
      .flatMap(([option, value]) => (value === true ? [`--${option}`] : [`--${option}`, String(value)])),
  );
}

/** Whether a help text lists a name as a value of some option. */
function lists(help, name) {
  return new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(help);
}

/**
 * @param {string[]} options of {@link differingOptions}
 * @param {string} help of the checkout that runs it: the options have the names that it lists
 */
export function commandOf(options, help) {
  const listed = listedIn(help);
  const named = options.map((word) => {
    const name = word.replace(/^--/, '');
    return word === name || listed.has(name) ? word : `--${FORMER_NAMES[name] ?? name}`;
  });
  return ['train', ...SHAPE, ...RUN, ...named, '--json'];
}
