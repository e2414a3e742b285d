import { Arena } from '../gpu/arena.ts';
import type { Target } from '../gpu/operation.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { type BufferSource, Program } from '../gpu/program.ts';
import { ReadbackRing } from '../gpu/readbackRing.ts';
import { byteLength, tensorOf } from '../gpu/tensor.ts';
import { BINS } from '../kernels/numerics.ts';
import { readStepState, STEP_STATE_WORDS, type StepState } from '../kernels/stepState.ts';
import type { RunTensors } from '../model/tensors.ts';
import { ProbeCost } from './cost.ts';
import type { NumericsFrame, QuantizationNoise } from './frame.ts';
import { readNoise } from './noise.ts';
import { buildNumerics, type NumericsSchedule } from './schedule.ts';

const DEFAULT_INTERVAL = 20;

/** Probes in flight. Two are enough because probes are several steps apart; a step is not probed while the ring is full. */
const RING_DEPTH = 2;

export type InspectedKind = 'weights' | 'activations';

interface Probe extends Readonly<Record<'begin' | 'microBatch' | 'gradients', Program>> {
  /** Whether the micro-batch runs f32 shadows too, to measure what kernels narrow as they store it. */
  readonly measures: boolean;
}

type ProgramName = 'begin' | 'microBatch' | 'measured' | 'gradients' | InspectedKind;

/**
 * Takes histograms of the exponents of a run's numbers. Nothing is built, compiled or allocated before it is first needed.
 * A probed step gives the same bits as any other and does not wait for the CPU.
 */
export class Numerics {
  readonly #device: GPUDevice;
  readonly #pipelines: PipelineCache;
  readonly #arena: Arena;
  readonly #tensors: RunTensors;
  readonly #submit: (program: Program) => void;
  readonly #build: () => NumericsSchedule;
  readonly #compiled = new Map<string, Promise<Program>>();
  readonly #programs: Program[] = [];
  readonly #deliveries: ((bytes: ArrayBuffer) => void)[] = [];
  readonly #frames: NumericsFrame[] = [];
  /** Whether each submitted step is probed, for steps whose metrics have not arrived yet. */
  readonly #inFlight: boolean[] = [];
  #built: NumericsSchedule | undefined;
  #ring: ReadbackRing | undefined;
  /** Buffers of the tensors that shadows write. */
  #scratch: Arena | undefined;
  #probe: Probe | undefined;
  #preparing: Promise<void> | undefined;
  readonly #cost = new ProbeCost();
  #interval: number | null = null;
  #probing = false;
  #destroyed = false;

  constructor(parts: {
    device: GPUDevice;
    pipelines: PipelineCache;
    arena: Arena;
    target: Target;
    tensors: RunTensors;
    submit: (program: Program) => void;
  }) {
    this.#device = parts.device;
    this.#pipelines = parts.pipelines;
    this.#arena = parts.arena;
    this.#tensors = parts.tensors;
    this.#submit = parts.submit;
    this.#build = () => buildNumerics(parts.target, parts.tensors);
  }

  /** Whether all kernels that count gradients are compiled. */
  get isReady(): boolean {
    return this.#probe !== undefined;
  }

  /** Resolves when the kernels that count gradients are compiled; undefined when none are compiling. Never rejects. */
  get preparing(): Promise<void> | undefined {
    return this.#preparing;
  }

  /**
   * Compiles the kernels that count gradients. Steps are slower while the compiler runs, so runs stop their clock and wait
   * for it.
   * @throws EngineError SHADER_COMPILE
   */
  prepare(): Promise<void> {
    return this.#prepareFor(false);
  }

  async #prepareFor(measures: boolean): Promise<void> {
    if (this.#probe && (this.#probe.measures || !measures)) return;
    const prepared = this.#prepareProbe(measures);
    const settled = prepared
      .catch(() => undefined)
      .then(() => {
        if (this.#preparing === settled) this.#preparing = undefined;
      });
    this.#preparing = settled;
    await prepared;
  }

  /**
   * Probes every `interval`-th step, with f32 shadows, as soon as the kernels are compiled.
   * @throws EngineError SHADER_COMPILE, and OUT_OF_MEMORY when the shadows' tensors cannot be allocated
   */
  async enable(interval = DEFAULT_INTERVAL): Promise<void> {
    if (!Number.isInteger(interval) || interval < 1) throw new RangeError(`interval is ${interval}`);
    this.#interval = interval;
    await this.#prepareFor(true);
  }

  disable(): void {
    this.#interval = null;
  }

  /** Removes and returns the frames that have arrived since the last call, oldest first. */
  takeFrames(): NumericsFrame[] {
    return this.#frames.splice(0);
  }

  /**
   * Counts the current weights, or the activations of the newest batch, and waits for the result (one CPU-GPU sync). It
   * must not be called between `beginStep` and `endStep`.
   * @throws EngineError SHADER_COMPILE
   */
  async inspect(kind: InspectedKind): Promise<NumericsFrame> {
    const program = await this.#program(kind);
    const ring = this.#makeRing();
    await ring.waitForRoom();
    this.#submit(program);
    return this.#frame(ring, kind, () => 1);
  }

  /**
   * Counts the gradients of `count` micro-batches at the loss scale of the next step, and waits for the result (one CPU-GPU
   * sync). Steps need not be probed. It must not be called between `beginStep` and `endStep`.
   * @param write writes the tokens of micro-batch `index` to the GPU
   * @throws EngineError SHADER_COMPILE
   */
  async countGradients(count: number, write: (index: number) => void): Promise<NumericsFrame> {
    await this.prepare();
    const { begin, microBatch, gradients } = this.#probe!;
    const ring = this.#ring!;
    await ring.waitForRoom();
    this.#submit(begin);
    for (let index = 0; index < count; index++) {
      write(index);
      this.#submit(microBatch);
    }
    this.#submit(gradients);
    return this.#frame(ring, 'gradients', (state) => state.lossScale);
  }

  /** Begins step `step` (from 1). @returns the program to submit for each micro-batch if the step is probed */
  beginStep(step: number): Program | undefined {
    const due = this.#interval !== null && step % this.#interval === 0;
    this.#probing = due && this.#probe !== undefined && !this.#ring!.isFull;
    this.#inFlight.push(this.#probing);
    if (!this.#probing) return undefined;
    this.#submit(this.#probe!.begin);
    return this.#probe!.microBatch;
  }

  endStep(): void {
    if (!this.#probing) return;
    this.#submit(this.#probe!.gradients);
    this.#read(
      this.#ring!,
      'gradients',
      (state) => state.scaleUsed,
      (frame) => this.#frames.push(frame),
    );
  }

  /** @param now when the metrics of the oldest step in flight arrived, in milliseconds */
  stepArrived(now: number): void {
    this.#cost.stepArrived(this.#inFlight.shift() ?? false, now);
  }

  async drain(): Promise<void> {
    await this.#ring?.drain();
    this.#cost.interrupt();
  }

  destroy(): void {
    this.#destroyed = true;
    for (const program of this.#programs) program.destroy();
    this.#ring?.destroy();
    this.#scratch?.destroy();
  }

  /** Reads back the frame that was submitted last and waits for it. */
  #frame(
    ring: ReadbackRing,
    kind: keyof NumericsSchedule['rows'],
    scaleOf: (state: StepState) => number,
  ): Promise<NumericsFrame> {
    return new Promise((resolve, reject) => {
      this.#read(ring, kind, scaleOf, resolve);
      ring.drain().catch(reject);
    });
  }

  #read(
    ring: ReadbackRing,
    kind: keyof NumericsSchedule['rows'],
    scaleOf: (state: StepState) => number,
    deliver: (frame: NumericsFrame) => void,
  ): void {
    const measures = this.#probe?.measures ?? false;
    this.#deliveries.push((bytes) => {
      const words = new Uint32Array(bytes);
      const state = readStepState(bytes.slice((words.length - STEP_STATE_WORDS) * 4));
      const rows = this.#schedule.rows[kind];
      const counts = words.slice(0, rows.length * BINS);
      const cost = this.#interval === null ? null : this.#cost.share(this.#interval);
      const noise = kind === 'gradients' ? this.#noiseIn(words, measures) : [];
      deliver({ step: state.attempted, scale: scaleOf(state), rows, counts, noise, cost });
    });
    const { histogram } = this.#tensors;
    const source = this.#arena.buffer(histogram);
    ring.push(this.#device, (encoder, to) =>
      encoder.copyBufferToBuffer(source, 0, to, 0, byteLength(histogram)),
    );
  }

  #noiseIn(words: Uint32Array, measures: boolean): QuantizationNoise[] {
    const { rows, withoutShadows, firstWord } = this.#schedule.noise;
    return readNoise(measures ? rows : rows.slice(0, withoutShadows), words.subarray(firstWord));
  }

  get #schedule(): NumericsSchedule {
    this.#built ??= this.#build();
    return this.#built;
  }

  async #prepareProbe(measures: boolean): Promise<void> {
    const [begin, microBatch, gradients] = await Promise.all([
      this.#program('begin'),
      this.#program(measures ? 'measured' : 'microBatch'),
      this.#program('gradients'),
    ]);
    if (this.#destroyed) return;
    this.#makeRing();
    if (!this.#probe?.measures) this.#probe = { begin, microBatch, gradients, measures };
  }

  #makeRing(): ReadbackRing {
    const size = byteLength(this.#tensors.histogram);
    this.#ring ??= new ReadbackRing(
      this.#device,
      size,
      (bytes) => this.#deliveries.shift()?.(bytes),
      RING_DEPTH,
    );
    return this.#ring;
  }

  /** Compiles a program once. Calls while it is compiling share the promise. */
  #program(name: ProgramName): Promise<Program> {
    let program = this.#compiled.get(name);
    if (!program) {
      program = this.#compile(name);
      this.#compiled.set(name, program);
    }
    return program;
  }

  async #compile(name: ProgramName): Promise<Program> {
    const operations = this.#schedule[name];
    const dispatches = operations.filter((operation) => operation.kind === 'dispatch');
    await this.#pipelines.getAll(dispatches.map(({ variant }) => variant));
    const program = await Program.compile(
      this.#device,
      this.#pipelines,
      name === 'measured' ? await this.#withScratch() : this.#arena,
      `numerics ${name}`,
      operations,
    );
    // The run may have ended while the kernels were compiling.
    if (this.#destroyed) program.destroy();
    else this.#programs.push(program);
    return program;
  }

  /** Allocates the shadows' tensors. @returns a source of these and of the run's buffers */
  async #withScratch(): Promise<BufferSource> {
    const { scratch } = this.#schedule.noise;
    const made = await Arena.allocate(this.#device, scratch);
    if (this.#destroyed) made.destroy();
    else this.#scratch = made;
    return {
      range: (operand) => (scratch.includes(tensorOf(operand)) ? made : this.#arena).range(operand),
    };
  }
}
