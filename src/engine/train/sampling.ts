/** Samples from weights on a device, whether they are trained there or were only loaded. */
import { MadeOnce } from '../core/madeOnce.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
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

/** Sampling from the weights of a trainer. */
export function samplingOf(parts: TrainerParts): Sampling {
  const { plan, dataset } = parts;
  return new Sampling({ ...parts, weights: plan.tensors }, dataset.tokenizer, () => startToken(dataset));
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
