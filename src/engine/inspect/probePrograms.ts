/** The programs that probe the steps of one phase of a run, compiled when they are first needed. */
import { Arena } from '../gpu/arena.ts';
import type { Target } from '../gpu/operation.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { type BufferSource, Program } from '../gpu/program.ts';
import { tensorOf } from '../gpu/tensor.ts';
import type { RunTensors } from '../model/tensors.ts';
import { buildNumerics, type NumericsSchedule } from './schedule.ts';

export type InspectedKind = 'weights' | 'activations';

export interface Probe extends Readonly<Record<'begin' | 'microBatch' | 'gradients', Program>> {
  /** Whether the micro-batch runs f32 shadows too, to measure what kernels narrow as they store it. */
  readonly measures: boolean;
}

type ProgramName = 'begin' | 'microBatch' | 'measured' | 'gradients' | InspectedKind;

export interface ProbedRun {
  readonly device: GPUDevice;
  readonly pipelines: PipelineCache;
  readonly arena: Arena;
  readonly target: Target;
}

export class ProbePrograms {
  readonly #run: ProbedRun;
  readonly #tensors: RunTensors;
  readonly #compiled = new Map<string, Promise<Program>>();
  readonly #programs: Program[] = [];
  #built: NumericsSchedule | undefined;
  /** Buffers of the tensors that shadows write. */
  #scratch: Arena | undefined;
  #probe: Probe | undefined;
  #destroyed = false;

  constructor(run: ProbedRun, tensors: RunTensors) {
    this.#run = run;
    this.#tensors = tensors;
  }

  /** Undefined until it is prepared. */
  get probe(): Probe | undefined {
    return this.#probe;
  }

  get schedule(): NumericsSchedule {
    this.#built ??= buildNumerics(this.#run.target, this.#tensors);
    return this.#built;
  }

  /** Compiles what counts gradients, with f32 shadows where it `measures`. */
  async prepare(measures: boolean): Promise<void> {
    if (this.#probe && (this.#probe.measures || !measures)) return;
    const [begin, microBatch, gradients] = await Promise.all([
      this.program('begin'),
      this.program(measures ? 'measured' : 'microBatch'),
      this.program('gradients'),
    ]);
    if (this.#destroyed || this.#probe?.measures) return;
    this.#probe = { begin, microBatch, gradients, measures };
  }

  /** Compiles a program once. Calls while it is compiling share the promise. @throws EngineError SHADER_COMPILE */
  program(name: ProgramName): Promise<Program> {
    let program = this.#compiled.get(name);
    if (!program) {
      program = this.#compile(name);
      this.#compiled.set(name, program);
    }
    return program;
  }

  destroy(): void {
    this.#destroyed = true;
    for (const program of this.#programs) program.destroy();
    this.#scratch?.destroy();
  }

  async #compile(name: ProgramName): Promise<Program> {
    const { device, pipelines, arena } = this.#run;
    const operations = this.schedule[name];
    const dispatches = operations.filter((operation) => operation.kind === 'dispatch');
    await pipelines.getAll(dispatches.map(({ variant }) => variant));
    const buffers = name === 'measured' ? await this.#withScratch() : arena;
    const program = await Program.compile(device, pipelines, buffers, `numerics ${name}`, operations);
    // The run may have ended while the kernels were compiling.
    if (this.#destroyed) program.destroy();
    else this.#programs.push(program);
    return program;
  }

  /** Allocates the shadows' tensors. @returns a source of these and of the run's buffers */
  async #withScratch(): Promise<BufferSource> {
    const { device, arena } = this.#run;
    const { scratch } = this.schedule.noise;
    const made = await Arena.allocate(device, scratch);
    if (this.#destroyed) made.destroy();
    else this.#scratch = made;
    return { range: (operand) => (scratch.includes(tensorOf(operand)) ? made : arena).range(operand) };
  }
}
