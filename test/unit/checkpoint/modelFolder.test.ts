/** The model of a saved run, without a GPU. */
import { expect, test } from 'vitest';
import { exportedFamily } from '../../../src/engine/checkpoint/families.ts';
import { openModel } from '../../../src/engine/checkpoint/modelFile.ts';
import {
  type FileToWrite,
  modelFolder,
  modelFolderOfRun,
  modelOfRun,
  readMaster,
} from '../../../src/engine/checkpoint/modelFolder.ts';
import { openRun } from '../../../src/engine/checkpoint/openRun.ts';
import { bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { writeRun } from '../../../src/engine/checkpoint/runFile.ts';
import { openSafetensors, readFloats } from '../../../src/engine/checkpoint/safetensors.ts';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import { gptConfig, type TrainConfig } from '../../../src/engine/config/trainConfig.ts';
import { byteLength, bytesPerElement } from '../../../src/engine/gpu/tensor.ts';
import { initialStepState } from '../../../src/engine/kernels/stepState.ts';
import { type StateEntry, stateEntries, stateTensors } from '../../../src/engine/model/runState.ts';
import { DEFAULT_LIMITS, type RunTensors, runTensors } from '../../../src/engine/model/tensors.ts';
import { concatenated } from './files.ts';

const CHARACTERS = 'abcdefghij';

const bytesOf = ({ pieces }: FileToWrite): Promise<Uint8Array> =>
  concatenated(
    (async function* () {
      yield* pieces();
    })(),
  );

/** Bits of element `i` of a chunk's master. Where it is split, the lower halves are added as signed numbers. */
const upper = (i: number) => 0x3f80 + (i % 100);
const lower = (i: number) => ((i * 7919) % 0x10000) - 0x8000;

function fill(values: Int16Array | Uint16Array | Uint32Array, valueAt: (i: number) => number): void {
  for (let i = 0; i < values.length; i++) values[i] = valueAt(i);
}

async function runOf(config: TrainConfig, tensors: RunTensors) {
  const entries = stateEntries(tensors);
  const memory = new Map(
    stateTensors(entries).map((tensor) => {
      const bytes = new Uint8Array(byteLength(tensor));
      const chunk = tensors.chunks.find(({ master, low }) => master === tensor || low === tensor);
      if (tensor === tensors.state) bytes.set(new Uint8Array(initialStepState(1)));
      else if (chunk?.low === tensor) fill(new Int16Array(bytes.buffer), lower);
      else if (chunk && tensor.type === 'bf16') fill(new Uint16Array(bytes.buffer), upper);
      else if (chunk) fill(new Uint32Array(bytes.buffer), (i) => upper(i) << 16);
      // An average is the next number.
      else if (tensors.chunks.some(({ average }) => average === tensor))
        fill(new Uint32Array(bytes.buffer), (i) => upper(i + 1) << 16);
      return [tensor, bytes];
    }),
  );
  const bytesOf = ({ slices, type }: StateEntry) =>
    slices.map(({ tensor, offset, elements }) => {
      const size = bytesPerElement(type);
      return memory.get(tensor)!.subarray(offset * size, (offset + elements) * size);
    });
  const pieces = writeRun(
    { step: 0, entries, bytesOf, release() {} },
    {
      config,
      storage: null,
      kernels: { matmul: 'register8' },
      adapter: 'an adapter',
      changes: [],
      text: { name: 'a text', checksum: '0', tokens: null, builtin: null },
      tokenizer: { kind: 'char', characters: CHARACTERS },
      firstLoss: null,
      savedAt: 0,
    },
  );
  return openRun(bytesSource('run.safetensors', await concatenated(pieces)));
}

test.each([
  ['fp32', 2 ** 27],
  ['bf16-split', 2 ** 27],
  // Several chunks.
  ['bf16-split', 2 ** 17],
] as const)(
  '%s: every parameter comes back as exact as the run keeps it',
  async (precision, maxBindingBytes) => {
    const config: TrainConfig = { ...PRESETS.smoke.config, precision, width: 32, context: 16 };
    const tensors = runTensors(config, CHARACTERS.length, { ...DEFAULT_LIMITS, maxBindingBytes });
    const run = await runOf(config, tensors);
    for (const [name, { spec, parts }] of tensors.parameters) {
      const bits = new Uint32Array((await readMaster(run, tensors, name)).buffer);
      expect(bits, name).toHaveLength(spec.rows * spec.columns);
      for (const { master, firstRow } of parts) {
        const first = firstRow * spec.columns;
        const wanted = Array.from({ length: master.elements }, (_, i) => {
          const at = master.offset + i;
          return ((upper(at) << 16) + (precision === 'fp32' ? 0 : lower(at))) >>> 0;
        });
        expect([...bits.subarray(first, first + master.elements)], name).toEqual(wanted);
      }
    }
  },
);

test('the folder has the run’s shape, tokenizer and weights', async () => {
  const config: TrainConfig = { ...PRESETS.smoke.config, precision: 'fp32', width: 32, context: 16 };
  const tensors = runTensors(config, CHARACTERS.length, DEFAULT_LIMITS);
  const run = await runOf(config, tensors);
  const gpt = await modelOfRun(run);
  expect(gpt).toMatchObject({ layers: 2, heads: 2, width: 32, context: 16, vocabulary: 10 });
  const files = await modelFolderOfRun(run, 'F16', DEFAULT_LIMITS);
  const names = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'README.md', 'model.safetensors'];
  expect(files.map(({ name }) => name)).toEqual(names);
  const weights = bytesSource('model.safetensors', await bytesOf(files.at(-1)!));
  const opened = await openModel(weights, { config: null, tokenizer: null });
  expect(opened).toMatchObject({ family: 'gpt2', heads: 2, tokenizer: run.description.tokenizer });
  expect(opened.shape).toMatchObject({ vocabulary: 10, width: 32, tied: true });
});

test('the averages of a run are exported where it keeps some', async () => {
  const config: TrainConfig = { ...PRESETS.smoke.config, precision: 'bf16-split', width: 32, context: 16 };
  const folderOf = async (emaDecay: number) => {
    const own = { ...config, emaDecay };
    const run = await runOf(own, runTensors(own, CHARACTERS.length, DEFAULT_LIMITS));
    return modelFolderOfRun(run, 'F32', DEFAULT_LIMITS, 'average');
  };
  await expect(folderOf(0)).rejects.toThrow('The run keeps no average of its weights: its ema-decay is 0.');
  const files = await folderOf(0.9);
  const fileOf = async (name: string) => bytesOf(files.find((file) => file.name === name)!);
  expect(new TextDecoder().decode(await fileOf('README.md'))).toContain(
    '| weights | averages of the trained ones, ema-decay 0.9 |',
  );
  const file = await openSafetensors(bytesSource('model.safetensors', await fileOf('model.safetensors')));
  const values = await readFloats(file, file.tensors.get('transformer.ln_f.weight')!);
  const bits = new Uint32Array(values.buffer);
  // The place of the vector in its chunk is that of the first value.
  const first = bits[0]! >>> 16;
  expect([...bits].every((word) => word % 0x10000 === 0)).toBe(true);
  expect([...bits.subarray(0, 3)].map((word) => word >>> 16)).toEqual([first, first + 1, first + 2]);
});

test('the model card has what was measured, the settings, and a place for the licence', async () => {
  const config: TrainConfig = { ...PRESETS.smoke.config, precision: 'fp16', learningRate: 0.004 };
  const gpt = gptConfig(config, 10);
  const facts = {
    ...{ config, text: 'a | text\n# of `mine`', adapter: 'a GPU', steps: 20 },
    ...{ firstLoss: 2.5, lastLoss: null, valLoss: 1.25 },
  };
  const folder = modelFolder(gpt, { kind: 'byte' }, 'F32', () => new Float32Array(), facts);
  const card = new TextDecoder().decode(await bytesOf(folder.find(({ name }) => name === 'README.md')!));
  expect(card).toMatch(/^---\n# license: fill in/);
  for (const line of [
    '| text | a \\| text # of \\`mine\\` |',
    '| training loss of step 1 | 2.5000 nats, perplexity 12.18 |',
    '| validation loss | 1.2500 nats, perplexity 3.490 |',
    '| `precision` | fp16 |',
    '| `lr` | 0.004 |',
    'model = AutoModelForCausalLM.from_pretrained(folder)',
  ]) {
    expect(card.split('\n'), line).toContain(line);
  }
  expect(card).not.toMatch(/training loss of step 20/);
});

test('a model that GPT-2 of the libraries cannot represent is refused, naming the feature', () => {
  const gpt = gptConfig({ ...PRESETS.smoke.config, norm: 'rmsnorm' }, 10);
  expect(() => exportedFamily(gpt)).toThrow(
    "The model has norm rmsnorm, which no model in Hugging Face's libraries has; GPT-2 comes nearest.",
  );
});
