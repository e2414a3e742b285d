import { benchmark, confirmBatch, type DeviceAccess, measureStep, type OpenGpu } from '../engine/index.ts';
import { BUSY, errorReport } from './errorReport.ts';
import type { OpenFiles } from './files.ts';
import type { ErrorReport, SessionCommand, SessionEvent } from './protocol.ts';
import { scoreText } from './scoring.ts';

type MeasureCommand = Extract<
  SessionCommand,
  { type: 'benchmark' | 'confirmBatch' | 'measureStep' | 'scoreText' | 'cancelMeasuring' }
>;

/** Runs measurements, which need the GPU to themselves, one at a time in the order of the requests. */
export class Measuring {
  readonly #post: (event: SessionEvent) => void;
  readonly #gpu: DeviceAccess;
  readonly #files: Pick<OpenFiles, 'get'>;
  readonly #enqueue: (work: () => Promise<void>) => boolean;
  /** Aborts the measurements that were requested and have not ended. */
  #abort = new AbortController();

  /** @param enqueue runs `work` once the GPU is free; returns false while a run is training */
  constructor(
    post: (event: SessionEvent) => void,
    gpu: DeviceAccess,
    files: Pick<OpenFiles, 'get'>,
    enqueue: (work: () => Promise<void>) => boolean,
  ) {
    this.#post = post;
    this.#gpu = gpu;
    this.#files = files;
    this.#enqueue = enqueue;
  }

  handle(command: MeasureCommand): void {
    switch (command.type) {
      case 'benchmark':
        this.#measure(
          async ({ device, report }, signal) => ({
            type: 'benchmarked',
            result: await benchmark(device, report, signal),
          }),
          (error) => ({ type: 'benchmarkRefused', error }),
          { type: 'benchmarkCancelled' },
        );
        break;
      case 'confirmBatch':
        this.#confirmBatch(command);
        break;
      case 'measureStep':
        this.#measureStep(command);
        break;
      case 'scoreText':
        this.#scoreText(command);
        break;
      case 'cancelMeasuring':
        this.#abort.abort();
        this.#abort = new AbortController();
        break;
    }
  }

  #confirmBatch({ id, config, vocabulary }: Extract<MeasureCommand, { type: 'confirmBatch' }>): void {
    const onTry = (batch: number) => this.#post({ type: 'batchTried', id, batch });
    this.#measure(
      async ({ device, report }, signal) => ({
        type: 'batchConfirmed',
        id,
        result: await confirmBatch(device, report, config, vocabulary, { onTry, signal }),
      }),
      (error) => ({ type: 'batchRefused', id, error }),
      { type: 'batchCancelled', id },
    );
  }

  #measureStep({ id, config, vocabulary }: Extract<MeasureCommand, { type: 'measureStep' }>): void {
    this.#measure(
      async ({ device, report }, signal) => ({
        type: 'stepMeasured',
        id,
        result: await measureStep(device, report, config, vocabulary, signal),
      }),
      (error) => ({ type: 'stepRefused', id, error }),
      { type: 'stepCancelled', id },
    );
  }

  #scoreText({ id, text, config }: Extract<MeasureCommand, { type: 'scoreText' }>): void {
    this.#measure(
      async (gpu) => {
        const opened = this.#files.get(id);
        if (opened.kind !== 'model') throw new RangeError('A saved run is not scored');
        const score = await scoreText(gpu, opened.model, config, text);
        return { type: 'textScored', id, score, precision: config.precision };
      },
      (error) => ({ type: 'scoreRefused', id, error }),
      { type: 'scoreCancelled', id },
    );
  }

  #measure(
    body: (gpu: OpenGpu, signal: AbortSignal) => Promise<SessionEvent>,
    refusal: (error: ErrorReport) => SessionEvent,
    cancelled: SessionEvent,
  ): void {
    const { signal } = this.#abort;
    const accepted = this.#enqueue(async () => {
      try {
        signal.throwIfAborted();
        const gpu = await this.#gpu.open();
        this.#post(await Promise.race([body(gpu, signal), gpu.lost]));
      } catch (cause) {
        this.#post(signal.aborted ? cancelled : refusal(errorReport(cause)));
      }
    });
    if (!accepted) this.#post(refusal(BUSY));
  }
}
