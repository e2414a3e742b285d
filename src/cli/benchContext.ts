/** What the stages of `npm run bench` work with, and where their figures go. */

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
  /** Names as given: each is looked up where it is used, so that a wrong one costs only itself. */
  readonly shapes: readonly string[];
  readonly modes: readonly PrecisionMode[];
  /** Bytes for which the largest batch is measured beside batch 1; null measures each shape's own batch. */
  readonly budget: number | null;
  /** Steps of the long run. */
  readonly steps: number;
  readonly datasetOf: (config: TrainConfig) => Promise<Dataset>;
  readonly print: (line: string) => void;
}

/** What was measured, and what could not be: a benchmark that fails is told, and the others still run. */
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
