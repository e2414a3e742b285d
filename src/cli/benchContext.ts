/** The inputs of the stages of `npm run bench`, and the collector of their results. */

import {
  type AdapterReport,
  type Dataset,
  EngineError,
  type PrecisionMode,
  type TrainConfig,
} from '../engine/index.ts';

export interface BenchContext {
  readonly device: GPUDevice;
  readonly report: AdapterReport;
  /** Names as given. Each is looked up when it is measured, so that a wrong name does not stop the others. */
  readonly shapes: readonly string[];
  readonly modes: readonly PrecisionMode[];
  /** Memory budget in bytes, for which batch 1 and the largest batch are measured; null measures each shape's own batch. */
  readonly budget: number | null;
  /** Number of steps of the long run. */
  readonly steps: number;
  /** A Python with PyTorch, which the stage `peers` trains on the CPU; null to leave PyTorch out. */
  readonly python: string | null;
  readonly datasetOf: (config: TrainConfig) => Promise<Dataset>;
  readonly print: (line: string) => void;
  /** Writes the results so far to the JSON file, if there is one. */
  readonly save: () => void;
}

/** Collects results and problems. A benchmark that fails is reported, and the others still run. */
export class BenchResults {
  readonly json: Record<string, unknown> = { problems: [] as string[] };
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  get problems(): string[] {
    return this.json.problems as string[];
  }

  async collect<T>(name: string, measure: () => Promise<T>): Promise<T | null> {
    try {
      return await measure();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      this.problems.push(`${name}: ${error.message}`);
      this.#print(`${name}: ${error.message} ${error.hint}`);
      return null;
    }
  }
}
