import type { TrainConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import type { Batch } from '../data/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import { createTokenizer } from '../data/tokenizer.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { createTrainer } from '../train/createTrainer.ts';

export interface ConfirmedBatch {
  /** The batch that took a step; 0 where not even one sequence did. */
  readonly batch: number;
  /** What the run allocated. */
  readonly bytes: number;
  /** Why the batch asked for did not; null where it did. */
  readonly refused: { readonly message: string; readonly hint: string } | null;
}

export interface ConfirmOptions {
  /** Called with each batch before it is tried. */
  readonly onTry?: (batch: number) => void;
  /** Ends it before the next batch, or before the step of a batch that is being prepared. */
  readonly signal?: AbortSignal;
}

/**
 * Takes one real step with the configuration's batch, and where the GPU refuses the memory, with halves of it until
 * one succeeds. The text does not matter to memory: the step learns nothing of use, and everything is freed.
 * @throws EngineError for anything but OUT_OF_MEMORY; the signal's reason once it is aborted
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

/** Bytes that a run allocated which took a step. */
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

/** A text of nothing with a vocabulary of `size`: only that decides how much a run allocates. */
function blankText(size: number): Dataset {
  const characters = Array.from({ length: size }, (_, i) => String.fromCodePoint(0x10000 + i)).join('');
  const tokenizer = createTokenizer({ kind: 'char', characters });
  const nothing = new Uint32Array(0);
  const reading = { endMarks: 0, unlearned: 0, tokens: null, wasReadOtherwise: false };
  return { name: 'blank', tokenizer, train: nothing, validation: nothing, bytes: 0, checksum: '', reading };
}
