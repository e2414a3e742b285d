/** The folder of a GPT-2 with two layers, as on Hugging Face, whose tokenizer reads the letters a to k. */
import { readFileSync } from 'node:fs';

const WEIGHTS = readFileSync(new URL('../test/fixtures/gpt2_conv1d.safetensors', import.meta.url));
const TOKENIZER = {
  model: { type: 'BPE', vocab: Object.fromEntries([...'abcdefghijk'].map((c, id) => [c, id])), merges: [] },
};

export const CONFIG = {
  model_type: 'gpt2',
  n_layer: 2,
  n_head: 2,
  n_embd: 16,
  n_positions: 8,
  vocab_size: 11,
};

export type Files = readonly (readonly [name: string, bytes: Buffer])[];

const json = (content: object) => Buffer.from(`\uFEFF${JSON.stringify(content)}`);

export const gpt2Folder = (config: object = CONFIG): Files => [
  ['config.json', json(config)],
  ['generation_config.json', json({ eos_token_id: 50256 })],
  ['model.safetensors', WEIGHTS],
  ['tokenizer.json', json(TOKENIZER)],
];
