/**
 * The engine's functions with checks of their arguments, for callers without TypeScript. A wrong argument is refused by
 * name before anything is done (EngineError BAD_VALUE). Types and behaviour are those of the engine.
 */
import {
  badValue,
  checkConfig as check,
  checkObject,
  checkOptions,
  configure as configureRun,
  createTrainer as create,
  type DatasetOptions,
  createDataset as datasetOf,
  EngineError,
  EXPORT_FORMATS,
  inWords,
  largestBatch as largest,
  planLimits as limitsOf,
  mostTokens,
  type OptionType,
  openDevice as open,
  openModelOfRun as openRunModel,
  PRESETS,
  tokensPerStep as perStep,
  memoryPlan as plan,
  type RunEvents,
  readTokenizerJson,
  splitText as split,
  streamOf as stream,
  suggestion,
  type TokenizeOptions,
  type TokenizerChoice,
  type TrainerOptions,
  tokenize as tokens,
  runTraining as train,
} from '../engine/index.ts';

/** Checks one argument. @param of the function's name, for messages */
type Check = (value: unknown, of: string) => void;
// biome-ignore lint/suspicious/noExplicitAny: any function is guarded
type AnyFunction = (...args: any[]) => any;

/** Wraps `call` to check its arguments in order. An asynchronous function rejects instead of throwing. */
export function guarded<F extends AnyFunction>(name: string, call: F, ...checks: readonly Check[]): F {
  const whole: AnyFunction = (...args) => {
    for (const [i, one] of checks.entries()) one(args[i], name);
    return call(...args);
  };
  return whole as F;
}

/** Like {@link guarded}, for a function whose promise rejects. */
export function guardedAsync<F extends AnyFunction>(name: string, call: F, ...checks: readonly Check[]): F {
  const look = guarded(name, () => {}, ...checks) as AnyFunction;
  const whole: AnyFunction = async (...args) => {
    look(...args);
    return call(...args);
  };
  return whole as F;
}

/** A check for an object that another function returns, recognized by some of its properties. */
export function made(label: string, properties: readonly string[], hint: string): Check {
  return (value, of) => {
    checkObject(`${of}: ${label}`, value, hint);
    const missing = properties.find((name) => (value as Record<string, unknown>)[name] === undefined);
    if (missing !== undefined) throw badValue(`${of}: ${label} has no ${missing}.`, hint);
  };
}

export function options(label: string, types: Readonly<Record<string, OptionType>>): Check {
  return (value, of) => {
    if (value !== undefined) checkOptions(`${of}: ${label}`, value, types);
  };
}

export function text(label: string): Check {
  return (value, of) => {
    if (typeof value === 'string') return;
    throw badValue(`${of}: ${label} is ${inWords(value)}.`, 'It must be a string.');
  };
}

function number(label: string, hint: string): Check {
  return (value, of) => {
    if (typeof value === 'number' && value >= 1) return;
    throw badValue(`${of}: ${label} is ${inWords(value)}.`, hint);
  };
}

function optional(check: Check): Check {
  return (value, of) => {
    if (value !== undefined) check(value, of);
  };
}

export const blob: Check = (value, of) => {
  if (value instanceof Blob) return;
  throw badValue(
    `${of}: file is ${inWords(value)}.`,
    'Give a Blob: the result of saveRun, a File, or in Node await fs.openAsBlob(path).',
  );
};

export const files: Check = (value, of) => {
  if (Array.isArray(value) && value.length > 0 && value.every((each) => each instanceof File)) return;
  throw badValue(
    `${of}: files is ${inWords(value)}.`,
    'Give a list of the model\'s files: [...input.files], or [new File([bytes], "model.gguf")].',
  );
};

export const exportFormat: Check = (value, of) => {
  if ((EXPORT_FORMATS as readonly unknown[]).includes(value)) return;
  throw badValue(`${of}: format is ${inWords(value)}.`, suggestion(String(value), EXPORT_FORMATS));
};

/** A check for a choice of tokenizer, or for the description of one. */
const tokenizer: Check = (value, of) => {
  if (typeof value !== 'object' || value === null) {
    mostTokens(value as TokenizerChoice);
    return;
  }
  try {
    readTokenizerJson(JSON.stringify(value), 'tokenizer');
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    throw badValue(
      `${of}: tokenizer is not a tokenizer: ${cause.message}`,
      'Give a choice such as "char" or "bpe:1024", or the parsed tokenizer.json of a dataset.',
    );
  }
};

const FROM_PRESET =
  "Start from a preset's configuration: configure(presetOf('smoke').config, { steps: 100 }).";
const SETTINGS: Readonly<Record<string, unknown>> = { ...PRESETS.smoke.config };

/** Checks that every setting is present and no other; `checkConfig` checks their values. */
export const config: Check = (value, of) => {
  checkObject(`${of}: config`, value, FROM_PRESET);
  const given = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(SETTINGS, name));
  if (unknown !== undefined) {
    throw badValue(`${of}: config has no setting "${unknown}".`, suggestion(unknown, Object.keys(SETTINGS)));
  }
  const missing = Object.keys(SETTINGS).find((name) => given[name] === undefined);
  if (missing !== undefined) throw badValue(`${of}: config lacks the setting "${missing}".`, FROM_PRESET);
};

export const device = made(
  'device',
  ['createBuffer', 'queue', 'limits'],
  'Give a device from openDevice: const { device, report } = await openDevice(navigator.gpu).',
);
export const report = made(
  'report',
  ['name', 'features', 'limits'],
  'Give the report that openDevice returns with the device.',
);
export const dataset = made(
  'dataset',
  ['train', 'validation', 'tokenizer'],
  'Give the result of createDataset or splitText.',
);
export const model = made(
  'model',
  ['shape', 'tokenizer', 'weights'],
  'Give the result of openModelFiles, or in Node of openModelFolder.',
);
export const run = made('run', ['file', 'description', 'progress'], 'Give the result of openRun.');
export const trainer = made('trainer', ['step', 'drain', 'config'], 'Give the result of createTrainer.');

export const TRAINER_OPTIONS = {
  onProgress: 'function?',
  before: 'object?',
  batches: 'function?',
  initialValues: 'function?',
  submitMs: 'number?',
  frozen: 'function?',
  resume: 'object?',
} as const satisfies Record<keyof TrainerOptions, OptionType>;

const EVENTS = {
  onStep: 'function',
  onEval: 'function',
  onSharpness: 'function?',
  onWarning: 'function?',
  afterStep: 'function?',
  onWaited: 'function?',
  onGradients: 'function?',
  pauses: 'object?',
  reported: 'object?',
} as const satisfies Record<keyof RunEvents, OptionType>;

const DATASET_OPTIONS = {
  // A whole configuration may have been spread into the overrides.
  ...(Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, 'any?'])) as Record<string, OptionType>),
  ...({ name: 'string', tokenizer: 'any', context: 'number' } satisfies Record<
    keyof DatasetOptions,
    OptionType
  >),
};

const TOKENIZE_OPTIONS = {
  onProgress: 'function?',
  onFingerprint: 'function?',
  signal: 'object?',
} as const satisfies Record<keyof TokenizeOptions, OptionType>;

const vocabulary = number('vocabulary', 'Give the number of tokens: dataset.tokenizer.vocabulary.');
const context = number('context', 'Give the number of tokens in a window: config.context.');
const limits = made(
  'limits',
  ['maxBindingBytes'],
  'Give the limits of the adapter: planLimits(device.limits) or planLimits(report.limits).',
);
/** A browser without WebGPU has no `navigator.gpu`, so the hint says where it exists. */
const gpu: Check = (value, of) => {
  if (typeof (value as GPU | undefined)?.requestAdapter === 'function') return;
  throw badValue(
    `${of}: gpu is ${inWords(value)}.`,
    'Give navigator.gpu, which only browsers with WebGPU on https or localhost have, or in Node: await loadDawn().',
  );
};

export const overrides: Check = (value, of) =>
  checkObject(`${of}: overrides`, value, 'Give an object of settings, such as { steps: 100 }.');

export const configure = guarded(
  'configure',
  configureRun,
  made(
    'preset',
    ['layers', 'steps', 'precision'],
    "Give a preset's configuration: presetOf('smoke').config.",
  ),
  optional(overrides),
);
export const checkConfig = guarded('checkConfig', check, config, optional(vocabulary));
export const createDataset = guarded('createDataset', datasetOf, text('text'), (value, of) => {
  checkOptions(`${of}: options`, value, DATASET_OPTIONS);
  tokenizer((value as DatasetOptions).tokenizer, of);
});
export const createTrainer = guardedAsync(
  'createTrainer',
  create,
  ...[device, report, config, dataset],
  options('options', TRAINER_OPTIONS),
);
export const largestBatch = guarded(
  'largestBatch',
  largest,
  ...[config, vocabulary, limits],
  optional(number('budgetBytes', 'Give bytes, as 8 * 2 ** 30.')),
  optional(number('most', 'Give the largest batch to look at.')),
);
export const memoryPlan = guarded('memoryPlan', plan, config, vocabulary, optional(limits));
export const openDevice = guardedAsync(
  'openDevice',
  open,
  gpu,
  optional((value, of) => {
    if (Array.isArray(value)) return;
    throw badValue(`${of}: without is ${inWords(value)}.`, "Give a list of features, as ['shader-f16'].");
  }),
);
export const openModelOfRun = guardedAsync(
  'openModelOfRun',
  openRunModel,
  ...[device, report, run],
  optional(config),
);
export const planLimits = guarded(
  'planLimits',
  limitsOf,
  made('limits', ['maxStorageBufferBindingSize', 'maxBufferSize'], 'Give device.limits or report.limits.'),
);
export const runTraining = guardedAsync(
  'runTraining',
  train,
  trainer,
  (value, of) => checkOptions(`${of}: events`, value, EVENTS),
  optional(made('control', ['whileRunning', 'stop'], 'Give a new RunControl(), or leave it out.')),
);
export const splitText = guarded(
  'splitText',
  split,
  made('text', ['tokens', 'tokenizer', 'name'], 'Give the result of tokenize.'),
  context,
);
export const streamOf = guarded('streamOf', stream, text('name'), (value, of) => {
  if (value instanceof Uint8Array) return;
  throw badValue(
    `${of}: bytes is ${inWords(value)}.`,
    'Give a Uint8Array of UTF-8; new TextEncoder().encode(text) makes one.',
  );
});
export const tokenize = guardedAsync(
  'tokenize',
  tokens,
  made('stream', ['name', 'open'], 'Give the result of streamOf, or an object with name, size and open().'),
  tokenizer,
  options('options', TOKENIZE_OPTIONS),
);
export const tokensPerStep = guarded(
  'tokensPerStep',
  perStep,
  made('config', ['batch', 'context', 'accumulation'], FROM_PRESET),
);
