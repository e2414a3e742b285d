/**
 * Opens exports with transformers, in Python: `PYTHON=VENV/bin/python npm run test:transformers`, where VENV has torch and
 * transformers. A short run of every family and kind of tokenizer is exported; transformers must find every tensor, give the
 * same ids for a text, the same logits, and the same greedy tokens.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { exportModel } from '../../src/cli/exportModel.ts';
import { kindsOfFamily } from '../../src/engine/checkpoint/families.ts';
import { loadGpt2 } from '../../src/engine/data/gpt2.ts';
import { createDataset, createTrainer, reportOf, type TrainConfig } from '../../src/engine/index.ts';
import { withDevice } from '../gpu/device.ts';
import { TINY } from '../gpu/training/helper.ts';
import { greedyIds } from './greedy.ts';

const PYTHON = process.env.PYTHON ?? 'python3';
const PROGRAM = fileURLToPath(new URL('open_model.py', import.meta.url));
const PROMPT = 'the whale ';
const NEW_TOKENS = 24;
/** Sums of at most 128 products of numbers near 1, in another order: 128 * 2^-24 each, over a few layers. */
const LOGIT_BOUND = 1e-4;

const words = ['the ', 'whale ', 'sea ', 'and ', 'ship, ', 'café ', '\n', "it's "];
const TEXT = Array.from({ length: 3000 }, (_, i) => words[(i * i + (i >> 2)) % words.length]).join('');

const folder = mkdtempSync(join(tmpdir(), 'halfstep-transformers-'));
const textFile = join(folder, 'text.txt');
writeFileSync(textFile, TEXT);
afterAll(() => rmSync(folder, { recursive: true }));

const LLAMA: Partial<TrainConfig> = { ...kindsOfFamily('llama'), keyValueHeads: 1 };
const MODELS: readonly [string, string, Partial<TrainConfig>][] = [
  ['GPT2LMHeadModel', 'char', {}],
  ['GPT2LMHeadModel', 'byte', { mlp: 'relu2', tied: false, normEpsilon: 1e-6, intermediate: 96 }],
  ['LlamaForCausalLM', 'char', LLAMA],
  ['LlamaForCausalLM', 'bpe:300', { ...LLAMA, ropeScaling: 'llama3:8:1:4:8', ropeBase: 5e5, tied: false }],
  ['LlamaForCausalLM', 'byte', { ...LLAMA, mlp: 'geglu', biases: 'all', headSize: 24 }],
  ['Qwen2ForCausalLM', 'byte', { ...LLAMA, ...kindsOfFamily('qwen2'), normEpsilon: 1e-6 }],
  ['Qwen3ForCausalLM', 'gpt2', { ...LLAMA, ...kindsOfFamily('qwen3'), headSize: 24 }],
];

interface Opened {
  readonly class: string;
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly ids: readonly number[];
  readonly greedy: readonly number[];
  readonly text: string;
  readonly logits: readonly number[];
}

function openedByTransformers(model: string): Opened {
  const args = [PROGRAM, model, PROMPT, String(NEW_TOKENS), textFile];
  const { status, stdout, stderr, error } = spawnSync(PYTHON, args, {
    encoding: 'utf8',
    env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_OFFLINE: '1' },
    maxBuffer: 2 ** 28,
  });
  expect(status, `${error ?? ''}${stderr}`).toBe(0);
  return JSON.parse(stdout);
}

test.each(MODELS)('%s with the tokenizer %s: %j', async (name, tokenizer, change) => {
  if (tokenizer === 'gpt2') await loadGpt2();
  // The context holds prompt and new tokens: past it both programs forget tokens, each in its own way.
  const config = { ...TINY, ...change, tokenizer, steps: 20, context: 64 } as TrainConfig;
  const dataset = createDataset(TEXT, {
    name: 'words',
    tokenizer: config.tokenizer,
    context: config.context,
  });
  const model = join(folder, `${name}-${tokenizer.replace(':', '-')}`);
  mkdirSync(model);
  await withDevice(async (device, context) => {
    const trainer = await createTrainer(device, reportOf(context.adapter, device), config, dataset);
    try {
      for (let step = 0; step < config.steps; step++) {
        await trainer.waitForRoom();
        trainer.step();
      }
      await trainer.drain();
      await exportModel(trainer, model, 'F32', null);
      const opened = openedByTransformers(model);
      const ids = [...dataset.tokenizer.encode(PROMPT)];
      expect(opened).toMatchObject({ class: name, missing: [], unexpected: [], ids });
      const logits = await trainer.nextTokenLogits(ids);
      expect(opened.logits).toHaveLength(logits.length);
      const error = Math.max(...opened.logits.map((logit, i) => Math.abs(logit - logits[i]!)));
      console.log(`${name}, ${tokenizer}: logits differ by at most ${error.toExponential(1)}`);
      expect(error, `largest error ${error}, bound ${LOGIT_BOUND}`).toBeLessThan(LOGIT_BOUND);
      const greedy = await greedyIds(trainer, ids, NEW_TOKENS);
      expect(opened.greedy).toEqual(greedy);
      expect(opened.text).toBe(dataset.tokenizer.decode(greedy));
    } finally {
      trainer.destroy();
    }
  });
});
