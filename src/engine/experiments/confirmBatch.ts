import type { TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import type { Batch } from '../data/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import { createTokenizer } from '../data/tokenizer.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { createTrainer } from '../train/createTrainer.ts';

export interface ConfirmedBatch {
  /** The batch that completed a step; 0 if not even a single sequence fits. */
  readonly batch: number;
  /** Bytes that the run allocated. */
  readonly bytes: number;
  /** Why the requested batch failed; null when it did not. */
  readonly refused: { readonly message: string; readonly hint: string } | null;
}

export interface ConfirmOptions {
  /** Called with each batch before it is tried. */
  readonly onTry?: (batch: number) => void;
  /** Ends the search before the next batch, or before the step of the batch that is being prepared. */
  readonly signal?: AbortSignal;
}

/**
 * Confirms that a batch fits by taking one real step with it. When the GPU runs out of memory, the batch is halved until
 * a step succeeds. The step trains on blank text, which makes no difference to memory, and everything is freed afterwards.
 * @throws EngineError for errors other than OUT_OF_MEMORY; the signal's reason once it is aborted
 */
export async function confirmBatch(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  vocabulary: number,
  { onTry, signal }: ConfirmOptions = {},
): Promise<ConfirmedBatch> {
  let refused: ConfirmedBatch['refused'] = null;
  for (let { batch } = config; batch > 0; batch >>= 1) {
    signal?.throwIfAborted();
    onTry?.(batch);
    try {
      const bytes = await oneStep(
        device,
        report,
        { ...config, batch, microBatch: null, accumulation: 1 },
        vocabulary,
        signal,
      );
      return { batch, bytes, refused };
    } catch (error) {
      if (!(error instanceof EngineError && error.code === 'OUT_OF_MEMORY')) throw error;
      refused ??= { message: error.message, hint: error.hint };
    }
  }
  return { batch: 0, bytes: 0, refused };
}

/** Takes one step. @returns the bytes that the run allocated */
async function oneStep(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  vocabulary: number,
  signal?: AbortSignal,
): Promise<number> {
  const ids = new Uint32Array(config.batch * config.context);
  const batches = (): Batch => ({ tokens: ids, targets: ids });
  const trainer = await createTrainer(device, report, config, blankText(vocabulary), { batches });
  try {
    signal?.throwIfAborted();
    device.pushErrorScope('out-of-memory');
    trainer.step();
    await trainer.drain();
    const error = await device.popErrorScope();
    if (error) {
      throw new EngineError(
        'OUT_OF_MEMORY',
        `The GPU ran out of memory in the step: ${error.message}`,
        'Use a smaller batch.',
      );
    }
    trainer.faults.check();
    return trainer.memory.total;
  } finally {
    trainer.destroy();
  }
}

/** An empty text with a vocabulary of `size`, which is all that memory depends on. */
export function blankText(size: number): Dataset {
  const characters = Array.from({ length: size }, (_, i) => String.fromCodePoint(0x10000 + i)).join('');
  const tokenizer = createTokenizer({ kind: 'char', characters });
  const nothing = new Uint32Array(0);
  const reading = { endMarks: 0, unlearned: 0, tokens: null, readingChanged: false };
  return { name: 'blank', tokenizer, train: nothing, validation: nothing, bytes: 0, checksum: '', reading };
}
