/** Samples from weights on a device, whether they are trained there or were only loaded. */
import { MadeOnce } from '../core/madeOnce.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import { averagedParameters } from '../model/average.ts';
import type { RunTensors } from '../model/tensors.ts';
import { Decoding } from './decoding.ts';
import type { WeightsOnDevice } from './readingPrograms.ts';
import {
  checkTokens,
  type Generated,
  generate,
  type LanguageModel,
  type SampleOptions,
  type SampleWatch,
} from './sampler.ts';
import { startToken } from './startToken.ts';
import type { TrainerParts } from './trainerParts.ts';

/** The weights of a run, or the averages of them that a run with `emaDecay` keeps. */
export type WeightsOfRun = 'master' | 'average';

/** Sampling from the weights of a trainer, and from their averages where it keeps some. */
export class RunSampling {
  readonly #own: Sampling;
  readonly #averaged: Sampling | null;
  readonly #submit: (program: 'averageCopies' | 'weightCopies') => void;

  /**
   * @param tensors of a phase of the run
   * @param submit runs the program that makes the copies of the weights that matmuls read, from the averages or anew
   */
  constructor(
    parts: TrainerParts,
    tensors: RunTensors,
    submit: (program: 'averageCopies' | 'weightCopies') => void,
  ) {
    const { dataset, config } = parts;
    const of = (weights: typeof tensors) =>
      new Sampling({ ...parts, weights }, dataset.tokenizer, () => startToken(dataset));
    this.#own = of(tensors);
    this.#averaged = config.emaDecay > 0 ? of({ ...tensors, parameters: averagedParameters(tensors) }) : null;
    this.#submit = submit;
  }

  /** Bytes of the caches and the other tensors, 0 before the first sample. */
  get bytes(): number {
    return this.#own.bytes + (this.#averaged?.bytes ?? 0);
  }

  nextTokenLogits(context: ArrayLike<number>): Promise<Float32Array> {
    return this.#own.nextTokenLogits(context);
  }

  /** @throws RangeError for averages of a run that keeps none */
  async generate(
    options: SampleOptions,
    watch?: SampleWatch,
    which: WeightsOfRun = 'master',
  ): Promise<Generated> {
    if (which === 'master') return this.#own.generate(options, watch);
    if (!this.#averaged) throw new RangeError('emaDecay is 0, so the run keeps no average of its weights');
    this.#submit('averageCopies');
    try {
      return await this.#averaged.generate(options, watch);
    } finally {
      this.#submit('weightCopies');
    }
  }

  /** Must be called when the weights have changed. */
  forget(): void {
    this.#own.forget();
    this.#averaged?.forget();
  }

  destroy(): void {
    this.#own.destroy();
    this.#averaged?.destroy();
  }
}

export class Sampling implements LanguageModel {
  readonly tokenizer: Tokenizer;
  readonly #weights: WeightsOnDevice;
  readonly #start: () => number;
  readonly #decoding: MadeOnce<Decoding>;

  /** @param start returns the token that an empty prompt starts with */
  constructor(weights: WeightsOnDevice, tokenizer: Tokenizer, start: () => number) {
    this.tokenizer = tokenizer;
    this.#weights = weights;
    this.#start = start;
    this.#decoding = new MadeOnce(() => Decoding.make(weights));
  }

  /** Bytes of the cache and the other tensors, 0 before the first sample. */
  get bytes(): number {
    return this.#decoding.made?.bytes ?? 0;
  }

  startToken(): number {
    return this.#start();
  }

  async nextTokenLogits(context: ArrayLike<number>): Promise<Float32Array> {
    checkTokens(context, this.#weights.weights.gpt.vocabulary);
    const logits = await (await this.#decoding.get()).logits(context);
    return logits.subarray(0, this.tokenizer.vocabulary);
  }

  generate(options: SampleOptions, watch?: SampleWatch): Promise<Generated> {
    return generate(this, options, watch);
  }

  /** Has the next sample compute all its tokens. Must be called when the weights have changed. */
  forget(): void {
    this.#decoding.made?.forget();
  }

  destroy(): void {
    this.#decoding.destroy();
  }
}
