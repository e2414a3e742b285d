/** Samples from weights on a device, whether they are trained there or were only loaded. */
import { MadeOnce } from '../core/madeOnce.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import {
  type KeptWeights,
  keepsNone,
  keptParameters,
  keptWeights,
  type WeightsOfRun,
} from '../model/keptWeights.ts';
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

/** The programs that make the copies that matmuls read, by the weights that they are made from. */
const COPIES = { master: 'weightCopies', average: 'averageCopies', best: 'bestCopies' } as const;
type Copies = (typeof COPIES)[WeightsOfRun];

/** Sampling from the weights of a trainer, and from the copies that it keeps of them. */
export class RunSampling {
  readonly #own: Sampling;
  readonly #kept: ReadonlyMap<KeptWeights, Sampling>;
  readonly #submit: (program: Copies) => void;

  /**
   * @param tensors of a phase of the run
   * @param submit runs the program that makes the copies that matmuls read, from what is kept or anew
   */
  constructor(parts: TrainerParts, tensors: RunTensors, submit: (program: Copies) => void) {
    const { dataset, config } = parts;
    const of = (weights: typeof tensors) =>
      new Sampling({ ...parts, weights }, dataset.tokenizer, () => startToken(dataset));
    this.#own = of(tensors);
    this.#kept = new Map(
      keptWeights(config).map((which) => [
        which,
        of({ ...tensors, parameters: keptParameters(tensors, which) }),
      ]),
    );
    this.#submit = submit;
  }

  /** Bytes of the caches and the other tensors, 0 before the first sample. */
  get bytes(): number {
    return [...this.#kept.values()].reduce((sum, { bytes }) => sum + bytes, this.#own.bytes);
  }

  nextTokenLogits(context: ArrayLike<number>): Promise<Float32Array> {
    return this.#own.nextTokenLogits(context);
  }

  /** @throws RangeError for averages or best weights of a run that keeps none */
  async generate(
    options: SampleOptions,
    watch?: SampleWatch,
    which: WeightsOfRun = 'master',
  ): Promise<Generated> {
    if (which === 'master') return this.#own.generate(options, watch);
    const kept = this.#kept.get(which);
    if (!kept) throw new RangeError(keepsNone(which));
    this.#submit(COPIES[which]);
    try {
      return await kept.generate(options, watch);
    } finally {
      this.#submit(COPIES.master);
    }
  }

  /** Must be called when the weights have changed. */
  forget(): void {
    this.#own.forget();
    for (const kept of this.#kept.values()) kept.forget();
  }

  destroy(): void {
    this.#own.destroy();
    for (const kept of this.#kept.values()) kept.destroy();
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
