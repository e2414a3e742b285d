/** Writes a file as `--save` does, with one small tensor. */
import { writePiecesAtomically } from '../../src/cli/atomicFile.ts';
import { writeSafetensors } from '../../src/engine/checkpoint/safetensors.ts';
import { PRESETS } from '../../src/engine/config/presets.ts';
import { createDataset } from '../../src/engine/data/dataset.ts';
import type { TokenizerJson } from '../../src/engine/data/tokenizer.ts';
import type { StateEntry } from '../../src/engine/model/runState.ts';

/** Its bytes are 1, 2, 3, 4. */
export const runTensor = {
  name: 'small',
  shape: [1],
  type: 'u32',
  slices: [{ elements: 1 }],
} as unknown as StateEntry;

/**
 * @param text the text that it was trained on, as the user's own file
 * @param tokenizer if it is not that of the text
 */
export async function writeRunFile(path: string, text: string, tokenizer?: TokenizerJson): Promise<void> {
  const dataset = createDataset(text, { name: 'text.txt', tokenizer: 'char', context: 16 });
  const run = {
    version: 1,
    config: { ...PRESETS.smoke.config, context: 16, steps: 40 },
    storage: null,
    kernels: { matmul: 'register8' },
    adapter: 'a GPU',
    text: { name: 'text.txt', checksum: dataset.checksum, builtin: null },
    tokenizer: tokenizer ?? dataset.tokenizer.json,
    firstLoss: null,
    savedAt: 0,
    progress: { attempted: 20, applied: 20, skipped: 0, lossScale: 1, growthTracker: 0, nextMicroBatch: 20 },
  };
  const tensor = {
    name: runTensor.name,
    dtype: 'U32',
    shape: [1],
    pieces: () => [new Uint8Array([1, 2, 3, 4])],
  } as const;
  await writePiecesAtomically(path, writeSafetensors([tensor], { halfstep: JSON.stringify(run) }));
}
