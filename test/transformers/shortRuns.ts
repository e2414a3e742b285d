/** Short runs of every family with every kind of tokenizer, whose exports other programs open. */
import { FAMILIES, type FamilyName, kindsOfFamily } from '../../src/engine/checkpoint/families.ts';
import { loadGpt2 } from '../../src/engine/data/gpt2.ts';
import {
  createDataset,
  createTrainer,
  reportOf,
  type TrainConfig,
  type Trainer,
} from '../../src/engine/index.ts';
import { withDevice } from '../gpu/device.ts';
import { TINY } from '../gpu/training/helper.ts';

export const PROMPT = 'the whale ';
export const NEW_TOKENS = 24;
export const STEPS = 40;

const words = ['the ', 'whale ', 'sea ', 'and ', 'ship, ', 'café ', '\n', "it's "];
export const TEXT = Array.from({ length: 3000 }, (_, i) => words[(i * i + (i >> 2)) % words.length]).join('');

export interface ShortRun {
  readonly family: FamilyName;
  readonly tokenizer: string;
  readonly change: Partial<TrainConfig>;
}

const of = (family: FamilyName, change: Partial<TrainConfig> = {}) => ({
  ...kindsOfFamily(family),
  ...change,
});
const MODELS: readonly [FamilyName, Partial<TrainConfig>][] = [
  ['gpt2', {}],
  ['llama', of('llama', { keyValueHeads: 1 })],
  ['qwen2', of('qwen2', { keyValueHeads: 1, normEpsilon: 1e-6 })],
  ['qwen3', of('qwen3', { keyValueHeads: 1, headSize: 24 })],
];
const TOKENIZERS = ['char', 'byte', 'bpe:300', 'gpt2'];

export const SHORT_RUNS: readonly ShortRun[] = MODELS.flatMap(([family, change]) =>
  TOKENIZERS.map((tokenizer) => ({ family, tokenizer, change })),
);
/** Other options of the families. */
export const OTHER_RUNS: readonly ShortRun[] = [
  { family: 'gpt2', tokenizer: 'byte', change: { tied: false, normEpsilon: 1e-6, intermediate: 96 } },
  {
    ...{ family: 'llama', tokenizer: 'bpe:300' },
    change: of('llama', { keyValueHeads: 1, ropeScaling: 'llama3:8:1:4:8', ropeBase: 5e5, tied: false }),
  },
  { family: 'llama', tokenizer: 'char', change: of('llama', { biases: 'all', headSize: 24 }) },
];
/** Those that llama.cpp does not compute. */
export const HUGGING_FACE_RUNS: readonly ShortRun[] = [
  { family: 'gpt2', tokenizer: 'byte', change: { mlp: 'relu2', tied: false } },
  { family: 'llama', tokenizer: 'byte', change: of('llama', { mlp: 'geglu', keyValueHeads: 1 }) },
];

export function nameOf({ family, tokenizer, change }: ShortRun): string {
  const own = Object.entries(change).filter(
    ([field, value]) => value !== (kindsOfFamily(family) as Readonly<Record<string, unknown>>)[field],
  );
  return `${FAMILIES[family].architecture}, ${tokenizer}, ${own.map((pair) => pair.join(' ')).join(', ')}`;
}

/** Trains a run and keeps its trainer until `body` is done. */
export async function withShortRun(
  { tokenizer, change }: ShortRun,
  body: (trainer: Trainer) => Promise<void>,
): Promise<void> {
  if (tokenizer === 'gpt2') await loadGpt2();
  // The context holds prompt and new tokens: past it every program forgets tokens in its own way.
  const config = {
    ...TINY,
    ...change,
    tokenizer,
    // A step of a large vocabulary takes seconds on a software adapter.
    batch: tokenizer === 'gpt2' ? 2 : TINY.batch,
    steps: STEPS,
    learningRate: 3e-3,
    context: 64,
  } as TrainConfig;
  const dataset = createDataset(TEXT, { name: 'words', ...config });
  await withDevice(async (device, { adapter }) => {
    const trainer = await createTrainer(device, reportOf(adapter, device), config, dataset);
    try {
      for (let step = 0; step < config.steps; step++) {
        await trainer.waitForRoom();
        trainer.step();
      }
      await trainer.drain();
      const losses = trainer.takeMetrics().map(({ loss }) => loss);
      console.log(`${dataset.tokenizer.vocabulary} tokens, loss after step ${STEPS} ${losses.at(-1)}`);
      await body(trainer);
    } finally {
      trainer.destroy();
    }
  });
}
