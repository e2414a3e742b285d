/** `--export DIR`: writes the trained model for Hugging Face's libraries or llama.cpp. */
import { constants } from 'node:fs';
import { access, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  cardFacts,
  EngineError,
  type ExportFormat,
  type FileToWrite,
  modelFolder,
  readParameters,
  type Trainer,
  type WeightsOfRun,
} from '../engine/index.ts';

/**
 * Creates the folder, so that a path that cannot be written is reported before hours of work. Its parent must exist.
 * @throws EngineError BAD_VALUE naming the path and the reason
 */
export async function prepareExport(folder: string): Promise<void> {
  try {
    // Not `recursive`, with which Node never returns where folders cannot be created (/proc).
    await mkdir(folder).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw cause;
    });
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw unwritable('BAD_VALUE', folder, cause);
  }
}

/**
 * Writes `model.safetensors`, `config.json`, the tokenizer's files and the model card, or `model.gguf`. Files of an earlier export are
 * replaced only after all new files are on the disk.
 * @param valLoss for the model card, in nats; null when the run was not evaluated
 * @param weights which of the run's weights the trainer has by now, for the model card
 * @throws EngineError SAVE_FAILED when a file cannot be written, NOT_FINITE when a weight is not finite or too large for F16
 */
export async function exportModel(
  trainer: Trainer,
  folder: string,
  dtype: ExportFormat,
  valLoss: number | null,
  weights: WeightsOfRun = 'master',
): Promise<void> {
  const { gpt } = trainer.plan.tensors;
  const parameters = await readParameters(trainer);
  const { json } = trainer.dataset.tokenizer;
  await writeTogether(
    folder,
    modelFolder(gpt, json, dtype, (name) => parameters.get(name)!, cardFacts(trainer, valLoss, weights)),
  );
}

async function writeTogether(folder: string, files: readonly FileToWrite[]): Promise<void> {
  const written: { readonly temporary: string; readonly path: string }[] = [];
  try {
    for (const { name, pieces } of files) {
      const path = join(folder, name);
      written.push({ temporary: `${path}.${process.pid}.tmp`, path });
      await writeSynced(written.at(-1)!.temporary, pieces());
    }
    for (const { temporary, path } of written) await rename(temporary, path);
  } catch (cause) {
    for (const { temporary } of written) await rm(temporary, { force: true });
    throw cause instanceof EngineError ? cause : unwritable('SAVE_FAILED', folder, cause);
  }
}

async function writeSynced(path: string, pieces: ReturnType<FileToWrite['pieces']>): Promise<void> {
  const file = await open(path, 'w');
  try {
    for await (const piece of pieces) await file.writeFile(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

function unwritable(code: 'BAD_VALUE' | 'SAVE_FAILED', folder: string, cause: unknown): EngineError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EngineError(
    code,
    `Cannot write to "${folder}": ${reason}.`,
    'Name a folder that can be written, on a disk with room for the model.',
    { cause },
  );
}
