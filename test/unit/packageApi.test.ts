/** The package as programs without types call it: what cannot be is refused by name, and never a TypeError. */
import { describe, expect, test } from 'vitest';
import * as halfstep from '../../src/package/index.ts';
import { loadDawn, openModelFolder } from '../../src/package/node.ts';
import { thrownBy } from './thrownBy.ts';

// biome-ignore lint/suspicious/noExplicitAny: a program without types passes anything
type Anything = any;

const { EngineError } = halfstep;
const config = halfstep.presetOf('smoke').config;
const text = 'Call me Ishmael. '.repeat(200);
const dataset = halfstep.createDataset(text, { name: 'a text', ...config });
const trainer = { step() {}, drain() {}, config };
const device = { createBuffer() {}, queue: {}, limits: {} };
const report = { name: 'a GPU', features: [], limits: {} };
const run = { file: {}, description: { config }, progress: {} };
const limits = { maxBindingBytes: 2 ** 27 };
const model = { shape: {}, tokenizer: { kind: 'byte' }, weights: {} };
const events = { onStep() {}, onEval() {} };
const tokenized = { name: 'a text', tokens: new Uint8Array(9), tokenizer: dataset.tokenizer };
const recipe = { ...halfstep.recipeOf('fp16'), id: 'custom-of-the-test' } as const;

/** What each function takes when it is called as it should be: each argument is then made wrong in turn. */
const CALLS: Readonly<Record<string, { call: (...args: Anything[]) => unknown; right: readonly unknown[] }>> =
  {
    checkConfig: { call: halfstep.checkConfig, right: [config] },
    configOfModel: { call: halfstep.configOfModel, right: [model, {}] },
    configure: { call: halfstep.configure, right: [config, {}] },
    convertModel: { call: halfstep.convertModel, right: [model, 'F32'] },
    createDataset: {
      call: halfstep.createDataset,
      right: [text, { name: 'x', tokenizer: 'char', context: 8 }],
    },
    createTrainer: { call: halfstep.createTrainer, right: [device, report, config, dataset, {}] },
    defineMode: { call: halfstep.defineMode, right: [recipe] },
    exportModel: { call: halfstep.exportModel, right: [trainer, 'F32'] },
    largestBatch: { call: halfstep.largestBatch, right: [config, 65, limits, 2 ** 30, 8] },
    loadDawn: { call: loadDawn, right: [['x']] },
    memoryPlan: { call: halfstep.memoryPlan, right: [config, 65, limits] },
    openDevice: { call: halfstep.openDevice, right: [{ requestAdapter() {} }, []] },
    openModelFiles: { call: halfstep.openModelFiles, right: [[new File([], 'model.gguf')], {}] },
    openModelFolder: { call: openModelFolder, right: ['/no/such/folder', {}] },
    openModelOfFiles: { call: halfstep.openModelOfFiles, right: [device, report, model, config] },
    openModelOfRun: { call: halfstep.openModelOfRun, right: [device, report, run, config] },
    openRun: { call: halfstep.openRun, right: [new Blob(['no run']), 'run.safetensors'] },
    planLimits: { call: halfstep.planLimits, right: [{ maxStorageBufferBindingSize: 1, maxBufferSize: 1 }] },
    presetOf: { call: halfstep.presetOf, right: ['smoke'] },
    recipeOf: { call: halfstep.recipeOf, right: ['fp32'] },
    resumeTrainer: { call: halfstep.resumeTrainer, right: [device, report, run, dataset, {}] },
    runTraining: { call: halfstep.runTraining, right: [trainer, events, new halfstep.RunControl()] },
    saveRun: { call: halfstep.saveRun, right: [trainer] },
    splitText: { call: halfstep.splitText, right: [tokenized, 2] },
    streamOf: { call: halfstep.streamOf, right: ['a text', new Uint8Array(3)] },
    tokenize: { call: halfstep.tokenize, right: [halfstep.streamOf('a', new Uint8Array([97])), 'byte', {}] },
    tokensPerStep: { call: halfstep.tokensPerStep, right: [config] },
    weightsOfModel: { call: halfstep.weightsOfModel, right: [model] },
  };

/** They take what anything is, or nothing. */
const TAKE_ANYTHING = ['isPrecisionMode', 'loadGpt2', 'mebibytes'];

const WRONG: readonly unknown[] = [
  null,
  5,
  true,
  'wrong',
  [],
  () => {},
  { wrong: 1 },
  Promise.resolve(trainer),
];
const CODES = ['BAD_VALUE', 'UNKNOWN_MODE', 'UNKNOWN_PRESET'];

async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return null;
  } catch (error) {
    return error;
  }
}

test('every function of the package is looked at here', () => {
  const functions = Object.entries({ ...halfstep, loadDawn, openModelFolder })
    .filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name))
    .map(([name]) => name);
  expect(functions.sort()).toEqual([...Object.keys(CALLS), ...TAKE_ANYTHING].sort());
});

describe.each(Object.entries(CALLS))('%s', (_, { call, right }) => {
  const cases = right.flatMap((value, at) => WRONG.map((wrong) => [at, wrong, value] as const));

  test('refuses what is of another type, argument by argument', async () => {
    for (const [at, wrong, value] of cases) {
      if (typeof value === 'string' && typeof wrong === 'string' && at > 0) continue; // names may be any
      if (typeof value === typeof wrong && typeof value !== 'object') continue;
      if (Array.isArray(value) && Array.isArray(wrong)) continue;
      const error = await errorOf(() => call(...right.map((one, i) => (i === at ? wrong : one))));
      const said = `argument ${at} as ${String(wrong)}: ${error}`;
      expect(error, said).toBeInstanceOf(EngineError);
      expect(CODES, said).toContain((error as InstanceType<typeof EngineError>).code);
      expect((error as Error).message, said).not.toMatch(/undefined|\[object/);
    }
  });

  test('refuses to be called with nothing', async () => {
    if (call === loadDawn) return;
    expect(await errorOf(() => call())).toBeInstanceOf(EngineError);
  });
});

describe('keys that do not exist are refused with the nearest that does', () => {
  const wrong: readonly (readonly [string, () => unknown, string, string])[] = [
    [
      'configure',
      () => halfstep.configure(config, { learningrate: 1 } as Anything),
      'learningrate',
      'learningRate',
    ],
    ['memoryPlan', () => halfstep.memoryPlan({ ...config, bacth: 4 } as Anything, 65), 'bacth', 'batch'],
    [
      'createDataset',
      () => halfstep.createDataset(text, { name: 'x', ...config, tokeniser: 'char' } as Anything),
      'tokeniser',
      'tokenizer',
    ],
    [
      'createTrainer',
      () =>
        halfstep.createTrainer(device as Anything, report as Anything, config, dataset, {
          onProgres() {},
        } as Anything),
      'onProgres',
      'onProgress',
    ],
    [
      'resumeTrainer',
      () =>
        halfstep.resumeTrainer(device as Anything, report as Anything, run as Anything, dataset, {
          step: 5,
        } as Anything),
      'step',
      'steps',
    ],
    [
      'runTraining',
      () => halfstep.runTraining(trainer as Anything, { ...events, onEvals() {} } as Anything),
      'onEvals',
      'onEval',
    ],
    [
      'tokenize',
      () =>
        halfstep.tokenize(halfstep.streamOf('a', new Uint8Array(1)), 'byte', { onprogress() {} } as Anything),
      'onprogress',
      'onProgress',
    ],
    ['defineMode', () => halfstep.defineMode({ ...recipe, sumary: 'x' } as Anything), 'sumary', 'summary'],
    [
      'defineMode: scaling',
      () => halfstep.defineMode({ ...recipe, scaling: { kind: 'static', scales: 8 } } as Anything),
      'scales',
      'scale',
    ],
  ];
  test.each(wrong)('%s', async (_, call, key, near) => {
    const error = (await errorOf(call)) as InstanceType<typeof EngineError>;
    expect(error).toBeInstanceOf(EngineError);
    expect([error.code, error.message.includes(`"${key}"`)]).toEqual(['BAD_VALUE', true]);
    expect(error.hint).toContain(`"${near}"`);
  });
});

test('what runTraining must be told with is named where it is missing, before a step is taken', async () => {
  const refusal = async (given: unknown) =>
    (await errorOf(() => halfstep.runTraining(trainer as Anything, given as Anything))) as Error;
  expect((await refusal({})).message).toBe('runTraining: events lacks onStep.');
  expect((await refusal({ onStep() {} })).message).toContain('onEval');
  expect((await refusal({ ...events, onStep: 'log' })).message).toContain('onStep "log"');
});

test('a trainer that was not awaited is called what it is', async () => {
  const promise = Promise.resolve(trainer) as Anything;
  const error = (await errorOf(() => halfstep.saveRun(promise))) as InstanceType<typeof EngineError>;
  expect(error.message).toContain('a promise that was not awaited');
});

test('a run without its tokenizer, precision or a choice is refused by the setting', () => {
  for (const field of Object.keys(config)) {
    const { message } = thrownBy(() => halfstep.checkConfig({ ...config, [field]: undefined } as Anything));
    expect(message).toContain(`"${field}"`);
  }
});
