/** Predicts tokens one after the other, with a cache of the keys and values of the tokens before. */
import { GPUBufferUsageFlags } from '../gpu/arena.ts';
import { type Generation, generationOperations, planGeneration } from '../model/generation.ts';
import { ReadingPrograms, type WeightsOnDevice } from './readingPrograms.ts';

type PassName = 'prompt tokens' | 'next token';

/**
 * First token of the window in which the token after `length` tokens is predicted. A window that is full moves by half of
 * the context, so that the next tokens are added to its cache and each is predicted from at least half a context.
 */
export function windowStart(length: number, context: number): number {
  const half = Math.max(1, Math.floor(context / 2));
  return length <= context ? 0 : Math.ceil((length - context) / half) * half;
}

export class Decoding {
  readonly #device: GPUDevice;
  readonly #generation: Generation;
  readonly #programs: ReadingPrograms<PassName>;
  readonly #staging: GPUBuffer;
  readonly #context: number;
  readonly #vocabulary: number;
  /** Tokens whose keys and values are in the cache. */
  #cached: readonly number[] = [];
  #last: Promise<unknown> = Promise.resolve();

  private constructor(of: WeightsOnDevice, generation: Generation, programs: ReadingPrograms<PassName>) {
    const { context, vocabulary } = of.weights.gpt;
    this.#device = of.device;
    this.#generation = generation;
    this.#programs = programs;
    this.#context = context;
    this.#vocabulary = vocabulary;
    const usage = GPUBufferUsageFlags.MAP_READ | GPUBufferUsageFlags.COPY_DST;
    this.#staging = of.device.createBuffer({ label: 'read logits', size: 4 * vocabulary, usage });
  }

  /** Allocates the cache and compiles the passes. @throws EngineError OUT_OF_MEMORY, SHADER_COMPILE */
  static async make(of: WeightsOnDevice): Promise<Decoding> {
    const generation = planGeneration(of.weights);
    const { chunk, token } = generationOperations(generation, of.target);
    const programs = await ReadingPrograms.make<PassName>(of, generation, {
      'prompt tokens': chunk,
      'next token': token,
    });
    return new Decoding(of, generation, programs);
  }

  /** Bytes of the cache and the other tensors of its passes. */
  get bytes(): number {
    return this.#programs.arena.liveBytes;
  }

  /** Must be called when the weights have changed. */
  forget(): void {
    this.#cached = [];
  }

  /**
   * Returns the (V) f32 logits of the token that follows `context`. Tokens that are in the cache already are not computed
   * again. One CPU-GPU sync.
   */
  logits(context: ArrayLike<number>): Promise<Float32Array> {
    const recent = Array.from(context).slice(windowStart(context.length, this.#context));
    const logits = this.#last.then(() => this.#compute(recent));
    this.#last = logits.catch(() => undefined);
    return logits;
  }

  async #compute(tokens: readonly number[]): Promise<Float32Array> {
    const { chunk, logits } = this.#generation;
    const last = tokens.length - 1;
    let next = sharedTokens(this.#cached, tokens, last);
    this.#cached = [];
    while (next < last) {
      // A chunk that would end beyond the context begins earlier, and stores some tokens again.
      const first = Math.min(next, this.#context - chunk);
      this.#run('prompt tokens', first, tokens.slice(first, Math.min(first + chunk, last)));
      next = first + chunk;
    }
    this.#run('next token', last, [tokens[last]!]);
    this.#cached = tokens;
    const encoder = this.#device.createCommandEncoder({ label: 'read logits' });
    const { size } = this.#staging;
    encoder.copyBufferToBuffer(this.#programs.arena.buffer(logits), 0, this.#staging, 0, size);
    this.#device.queue.submit([encoder.finish()]);
    await this.#staging.mapAsync(0x1);
    const values = new Float32Array(this.#staging.getMappedRange().slice(0), 0, this.#vocabulary);
    this.#staging.unmap();
    return values;
  }

  #run(pass: PassName, first: number, tokens: readonly number[]): void {
    const { tokens: ids, position } = this.#generation;
    // What follows the last token is computed too. Its keys and values are replaced before a later token reads them.
    this.#programs.write(ids, Uint32Array.from(tokens));
    this.#programs.write(position, Uint32Array.of(first));
    this.#programs.submit(pass);
  }

  destroy(): void {
    this.#staging.destroy();
    this.#programs.destroy();
  }
}

/** Number of first tokens that both have, at most `most`. */
function sharedTokens(cached: readonly number[], tokens: readonly number[], most: number): number {
  let shared = 0;
  while (shared < most && shared < cached.length && cached[shared] === tokens[shared]) shared += 1;
  return shared;
}
