/** Compiles WGSL for an AMD GPU without one, in processes of its own: a driver is chosen before it is loaded. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdapterReport, EngineError, reportOf } from '../../src/engine/index.ts';
import type { Family } from './families.ts';
import { nullDeviceEnv } from './layer.ts';

export interface Source {
  readonly code: string;
  readonly entryPoint: string;
}

/** What the driver says about a pipeline, as the layer writes it. */
export interface Listing {
  readonly statistics: string;
  readonly assembly: string;
  /** Base64. */
  readonly spirv: string;
}

/** A listing, or why there is none. */
export type Outcome = { readonly listing: Listing } | { readonly failure: string };

type Answer =
  | { readonly kind: 'adapter'; readonly adapter: Parameters<typeof asReport>[0] }
  | { readonly kind: 'compiled'; readonly listing: Listing }
  | { readonly kind: 'failed'; readonly message: string };

/** Longer than the largest kernel takes on a busy machine. */
const PATIENCE_MS = 5 * 60_000;

export class Compiler {
  /** What Dawn says about the adapter, as a run would see it. */
  readonly report: AdapterReport;
  readonly #workers: readonly Worker[];

  private constructor(report: AdapterReport, workers: readonly Worker[]) {
    this.report = report;
    this.#workers = workers;
  }

  /**
   * Opens the adapter of `family`. Close it.
   * @param root of the repository
   * @throws EngineError NO_ADAPTER where RADV is missing or its null device does not open
   */
  static async open(root: string, family: Family): Promise<Compiler> {
    const count = Math.min(availableParallelism(), 4);
    const workers = Array.from({ length: count }, () => new Worker(root, family));
    try {
      const answers = await Promise.all(workers.map((worker) => worker.ask({ kind: 'adapter' })));
      const [answer] = answers;
      if (answer?.kind !== 'adapter')
        throw new EngineError(
          'NO_ADAPTER',
          `RADV's null device for ${family} did not open: ${answer?.kind === 'failed' ? answer.message : 'no answer'}`,
          'It is known to work with Mesa 25.0.7 of Debian (bookworm-backports or trixie).',
        );
      return new Compiler(asReport(answer.adapter), workers);
    } catch (error) {
      for (const worker of workers) worker.close();
      throw error;
    }
  }

  /** Compiles all, each in the first process that is free. @param onDone called after each */
  async compile(sources: readonly Source[], onDone?: () => void): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    let next = 0;
    const work = async (worker: Worker): Promise<void> => {
      while (next < sources.length) {
        const index = next++;
        const answer = await worker.ask({ kind: 'compile', ...sources[index]! });
        outcomes[index] =
          answer.kind === 'compiled'
            ? { listing: answer.listing }
            : { failure: answer.kind === 'failed' ? answer.message : 'an answer of another kind' };
        onDone?.();
      }
    };
    await Promise.all(this.#workers.map(work));
    return outcomes;
  }

  close(): void {
    for (const worker of this.#workers) worker.close();
  }
}

/** A process of compile.mjs, started anew after a crash. It answers one question at a time. */
class Worker {
  readonly #root: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #listings = mkdtempSync(join(tmpdir(), 'gpu-report-'));
  #child: ChildProcess | undefined;
  #errors = '';

  constructor(root: string, family: Family) {
    this.#root = root;
    this.#env = { ...process.env, ...nullDeviceEnv(root, family, this.#listings) };
  }

  /** The answer; one that it failed where the process ended or took too long. */
  ask(job: object): Promise<Answer> {
    const child = this.#started();
    return new Promise((answer) => {
      const settle = (given: Answer): void => {
        clearTimeout(timer);
        child.off('message', onMessage).off('exit', onExit);
        answer(given);
      };
      const onMessage = (message: unknown): void => settle(message as Answer);
      const onExit = (code: number | null, signal: string | null): void =>
        settle(this.#ended(`ended with ${signal ?? `exit code ${code}`}`));
      const timer = setTimeout(() => {
        settle(this.#ended(`gave no answer in ${PATIENCE_MS / 60_000} minutes`));
        child.kill('SIGKILL');
      }, PATIENCE_MS);
      child.on('message', onMessage).on('exit', onExit);
      child.send(job);
    });
  }

  close(): void {
    if (this.#child?.connected) this.#child.disconnect();
    rmSync(this.#listings, { recursive: true, force: true });
  }

  #started(): ChildProcess {
    if (this.#child) return this.#child;
    const child = fork(join(this.#root, 'bench', 'gpu-report', 'compile.mjs'), {
      env: this.#env,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000);
    });
    this.#child = child;
    return child;
  }

  #ended(how: string): Answer {
    this.#child = undefined;
    return { kind: 'failed', message: `the compiler ${how}. ${this.#errors.trim()}` };
  }
}

function asReport({
  info,
  features,
  limits,
}: {
  readonly info: GPUAdapterInfo;
  readonly features: readonly string[];
  readonly limits: Record<string, number>;
}): AdapterReport {
  const report = reportOf({ info }, { features: new Set(features), limits } as unknown as GPUDevice);
  // A language feature, which Dawn has on every adapter.
  return { ...report, packedProducts: true };
}
