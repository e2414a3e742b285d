import { checkSample, EngineError, type SampledToken, type Trainer } from '../engine/index.ts';
import { errorReport } from './errorReport.ts';
import type { SampleHeading, SampleRequest, SessionEvent } from './protocol.ts';

/** Tokens are sent in batches: a fast GPU draws hundreds a second, and the page redraws four times in that time. */
const INTERVAL_MS = 100;

/** The model that writes a sample, and the state of its training. */
export interface Writer {
  readonly run: number;
  readonly trainer: Pick<Trainer, 'generate'>;
  /** Tokens that end a text of the model. */
  readonly stop: readonly number[];
  readonly step: number;
  readonly loss: number | null;
}

/** Writes samples, one at a time, and reports each as it grows. */
export class Sampling {
  readonly #post: (event: SessionEvent) => void;
  #queue: Promise<void> = Promise.resolve();
  #current: { readonly kind: SampleHeading['kind']; readonly abort: AbortController } | null = null;

  constructor(post: (event: SessionEvent) => void) {
    this.#post = post;
  }

  /** Resolves when no sample is being written. */
  get idle(): Promise<void> {
    return this.#queue;
  }

  /** Stops the current sample after the token in progress, if it is of one of these kinds. */
  stop(...kinds: readonly SampleHeading['kind'][]): void {
    if (this.#current && kinds.includes(this.#current.kind)) this.#current.abort.abort();
  }

  /**
   * Writes a sample that the visitor requested; a failure is reported as a refusal. `writersNow` is called when its
   * turn comes, and each writer writes one sample.
   */
  ask(writersNow: () => readonly Writer[] | Promise<readonly Writer[]>, request: SampleRequest): void {
    void this.enqueue(async () => {
      try {
        const writers = await writersNow();
        if (writers.length === 0) {
          throw new EngineError('BAD_VALUE', 'There is no trained model.', 'Train one, then write samples.');
        }
        const { weights: _, ...options } = request;
        checkSample(options);
        for (const writer of writers) {
          const stopped = await this.#write(writer, request, 'asked');
          if (stopped) break;
        }
      } catch (cause) {
        this.#post({ type: 'sampleRefused', error: errorReport(cause) });
      }
    });
  }

  /**
   * Writes a sample that belongs to a run. Where there is no memory for it, it is refused and the run continues. Rejects with
   * the trainer's other errors.
   */
  draw(writer: Writer, request: SampleRequest, kind: 'live' | 'end'): Promise<void> {
    return this.enqueue(async () => {
      try {
        await this.#write(writer, request, kind);
      } catch (cause) {
        if (!(cause instanceof EngineError && cause.code === 'OUT_OF_MEMORY')) throw cause;
        this.#post({ type: 'sampleRefused', error: errorReport(cause) });
      }
    });
  }

  /** Runs other work that needs the model to itself, when no sample is being written. */
  enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => undefined);
    return done;
  }

  /** @returns whether it was stopped */
  async #write(
    { run, trainer, stop, step, loss }: Writer,
    request: SampleRequest,
    kind: SampleHeading['kind'],
  ): Promise<boolean> {
    const heading: SampleHeading = { ...request, kind, step, loss };
    const abort = new AbortController();
    this.#current = { kind, abort };
    this.#post({ type: 'sampling', run, heading });
    const tokens: SampledToken[] = [];
    let sent = 0;
    let lastSent = performance.now();
    const onToken = (token: SampledToken) => {
      tokens.push(token);
      const now = performance.now();
      if (now - lastSent < INTERVAL_MS) return;
      lastSent = now;
      this.#post({ type: 'sampleTokens', run, tokens: tokens.slice(sent) });
      sent = tokens.length;
    };
    try {
      const { weights, ...options } = request;
      const watch = { onToken, signal: abort.signal };
      const { ids, text, tokensPerSec } = await trainer.generate({ ...options, stop }, watch, weights);
      this.#post({ type: 'sampled', run, sample: { ...heading, text, ids, tokens, tokensPerSec } });
      return abort.signal.aborted;
    } finally {
      this.#current = null;
    }
  }
}
