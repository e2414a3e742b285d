/** Scores the tokens of a text: the loss of each, given the tokens before it. */
import { readTensor } from '../gpu/arena.ts';
import { planScoring, type Scoring, scoringOperations } from '../model/scoring.ts';
import { ReadingPrograms, type WeightsOnDevice } from './readingPrograms.ts';

export interface Score {
  /** Scored tokens: all but the first. */
  readonly tokens: number;
  /** Mean loss in nats; NaN where a loss is not finite. */
  readonly loss: number;
  /** e to the power of the loss. */
  readonly perplexity: number;
}

/** A window of a text: its inputs are the tokens from `start` on, and of its rows those from `first` to before `end` count. */
export interface ScoredWindow {
  readonly start: number;
  readonly first: number;
  readonly end: number;
}

/**
 * The windows in which the tokens of a text are scored, each in the one in which it has the longest context. Row r of a
 * window predicts token start + r + 1.
 */
export function scoredWindows(tokens: number, context: number): ScoredWindow[] {
  const step = Math.max(1, Math.floor(context / 2));
  const windows: ScoredWindow[] = [];
  for (let scored = 0, start = 0; scored < tokens - 1; start += step) {
    const end = Math.min(context, tokens - 1 - start);
    windows.push({ start, first: scored - start, end });
    scored = start + end;
  }
  return windows;
}

export class Scorer {
  readonly #of: WeightsOnDevice;
  readonly #scoring: Scoring;
  readonly #programs: ReadingPrograms<'losses of tokens'>;

  private constructor(of: WeightsOnDevice, scoring: Scoring, programs: ReadingPrograms<'losses of tokens'>) {
    this.#of = of;
    this.#scoring = scoring;
    this.#programs = programs;
  }

  static async make(of: WeightsOnDevice): Promise<Scorer> {
    const scoring = planScoring(of.weights);
    const operations = { 'losses of tokens': scoringOperations(scoring, of.target) };
    return new Scorer(of, scoring, await ReadingPrograms.make(of, scoring, operations));
  }

  /** Bytes of the tensors of its pass. */
  get bytes(): number {
    return this.#programs.arena.liveBytes;
  }

  /** Losses are added in f64 in the order of the text. One CPU-GPU sync for each pass. */
  async score(
    tokens: ArrayLike<number>,
    onProgress: (scored: number, of: number) => void = () => {},
  ): Promise<Score> {
    const { context } = this.#of.weights.gpt;
    const { windows: atOnce } = this.#scoring;
    const windows = scoredWindows(tokens.length, context);
    let [sum, scored] = [0, 0];
    for (let i = 0; i < windows.length; i += atOnce) {
      const some = windows.slice(i, i + atOnce);
      const losses = await this.#losses(tokens, some);
      for (const [at, { first, end }] of some.entries()) {
        for (let row = first; row < end; row++) sum += losses[at * context + row]!;
        scored += end - first;
      }
      onProgress(scored, tokens.length - 1);
    }
    const loss = sum / scored;
    return { tokens: scored, loss, perplexity: Math.exp(loss) };
  }

  async #losses(tokens: ArrayLike<number>, windows: readonly ScoredWindow[]): Promise<Float32Array> {
    const { context } = this.#of.weights.gpt;
    const { windows: atOnce, tokens: ids, targets, losses } = this.#scoring;
    const inputs = new Uint32Array(atOnce * context);
    const outputs = new Uint32Array(atOnce * context);
    for (const [at, { start, end }] of windows.entries()) {
      for (let row = 0; row < end; row++) {
        inputs[at * context + row] = tokens[start + row]!;
        outputs[at * context + row] = tokens[start + row + 1]!;
      }
    }
    this.#programs.write(ids, inputs);
    this.#programs.write(targets, outputs);
    this.#programs.submit('losses of tokens');
    return new Float32Array(await readTensor(this.#of.device, this.#programs.arena, losses));
  }

  destroy(): void {
    this.#programs.destroy();
  }
}
