/**
 * A checkpoint that is not in the repository: `CHECKPOINT=DIR npm run test:checkpoint`. Exported without a step, its weights
 * are the same bytes. If it has an expected.json (texts with their ids, losses and greedy tokens), they are compared too.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { fileSource } from '../../src/cli/fileSource.ts';
import { modelTensors } from '../../src/engine/checkpoint/modelTensors.ts';
import { bytesSource } from '../../src/engine/checkpoint/randomAccess.ts';
import {
  createDataset,
  createTrainer,
  type ModelFile,
  openModel,
  presetOf,
  readModel,
  readParameters,
  reportOf,
  type TrainConfig,
  type Trainer,
} from '../../src/engine/index.ts';
import { withDevice } from '../gpu/device.ts';
import { greedyIds } from '../transformers/greedy.ts';
import { contents, file } from '../unit/checkpoint/files.ts';

/** Of float32 implementations. */
const LOSS_BOUND = 1e-5;
const GREEDY = 32;

interface Expected {
  readonly res: readonly { text: string; ids: number[]; loss64: number; greedy: number[] }[];
}

const folder = process.env.CHECKPOINT ?? '';
let model: ModelFile;
beforeAll(async () => {
  if (folder === '') throw new Error('CHECKPOINT names no folder: CHECKPOINT=DIR npm run test:checkpoint');
  model = await openModel(await fileSource(join(folder, 'model.safetensors')), {
    config: await fileSource(join(folder, 'config.json')),
    tokenizer: null,
  });
});

/** Trains nothing: the model's weights on the GPU, in fp32. The text only gives the trainer tokens. */
async function withModel(body: (trainer: Trainer) => Promise<void>): Promise<void> {
  const gpt = { ...model.shape, heads: model.heads! };
  const { context } = gpt;
  const config = {
    ...{ ...presetOf('smoke').config, ...gpt },
    ...{ precision: 'fp32', tokenizer: 'char', batch: 1, evalBatches: 1, steps: 1, warmup: 0 },
  } as TrainConfig;
  // One character a token, so that every token can be predicted.
  const characters = String.fromCodePoint(...Array.from({ length: gpt.vocabulary }, (_, i) => 0x10000 + i));
  const text = characters.slice(0, 2).repeat(12 * context);
  const tokenizer = { kind: 'char', characters } as const;
  const dataset = createDataset(text, { name: 'characters', tokenizer, context });
  const values = await readModel(gpt, model.weights);
  await withDevice(async (device, { adapter }) => {
    const trainer = await createTrainer(device, reportOf(adapter, device), config, dataset, {
      initialValues: (name) => values.get(name)!,
    });
    try {
      await body(trainer);
    } finally {
      trainer.destroy();
    }
  });
}

test('exported without a step, every tensor has the bytes of the file', () =>
  withModel(async (trainer) => {
    const parameters = await readParameters(trainer);
    const { gpt } = trainer.plan.tensors;
    const original = await contents(await fileSource(join(folder, 'model.safetensors')));
    const written = await file(modelTensors(gpt, 'F32', (name) => parameters.get(name)!, model.family));
    const again = await contents(bytesSource('model.safetensors', written));
    expect([...again.keys()].sort()).toEqual([...original.keys()].sort());
    const differing = [...original].filter(([name, bytes]) => !Buffer.from(bytes).equals(again.get(name)!));
    expect(differing.map(([name]) => name)).toEqual([]);
    console.log(`${original.size} tensors of a ${model.family} have the same bytes`);
  }));

const expectedPath = join(folder, 'expected.json');
describe.runIf(folder !== '' && existsSync(expectedPath))('expected.json', () => {
  const read = (): Expected => JSON.parse(readFileSync(expectedPath, 'utf8'));

  test('losses and greedy tokens are those of the file', () =>
    withModel(async (trainer) => {
      for (const { text, ids, loss64, greedy } of read().res) {
        let sum = 0;
        for (let at = 1; at < ids.length; at++) {
          const logits = await trainer.nextTokenLogits(ids.slice(0, at));
          const most = logits.reduce((a, b) => Math.max(a, b));
          const total = logits.reduce((all, logit) => all + Math.exp(logit - most), 0);
          sum += Math.log(total) + most - logits[ids[at]!]!;
        }
        const error = Math.abs(sum / (ids.length - 1) - loss64);
        console.log(`${JSON.stringify(text.slice(0, 40))}: loss differs by ${error.toExponential(1)}`);
        expect(error, `error ${error} of ${JSON.stringify(text)}, bound ${LOSS_BOUND}`).toBeLessThan(
          LOSS_BOUND,
        );
        expect(await greedyIds(trainer, ids, GREEDY), text).toEqual(greedy.slice(0, GREEDY));
      }
    }));
});
