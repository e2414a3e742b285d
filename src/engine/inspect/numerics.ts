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

/** A step whose ring is full is not probed: two are enough, since probes are several steps apart. */
const RING_DEPTH = 2;

export type InspectedKind = 'weights' | 'activations';

interface Probe extends Readonly<Record<'begin' | 'microBatch' | 'gradients', Program>> {
  /** Whether the micro-batch measures what kernels narrow as they store it. */
  readonly measures: boolean;
}

type ProgramName = 'begin' | 'microBatch' | 'measured' | 'gradients' | InspectedKind;

/**
 * Histograms of the exponents of a run's numbers. Nothing is built, compiled or created before it is first asked for, and a
 * probed step trains exactly as any other: same bits, no wait.
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
  /** Which submitted steps are probed, until their metrics arrive. */
  readonly #inFlight: boolean[] = [];
  #built: NumericsSchedule | undefined;
  #ring: ReadbackRing | undefined;
  /** Buffers of what a measured micro-batch stores besides. */
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

  /** Gradients can be counted: every kernel for it is compiled. */
  get isReady(): boolean {
    return this.#probe !== undefined;
  }

  /** While the kernels that count gradients compile, else undefined. Never rejects. */
  get preparing(): Promise<void> | undefined {
    return this.#preparing;
  }

  /**
   * Compiles what counting gradients needs. A step beside the compiler is slower than a step is: runs wait for it with
   * their clock stopped.
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
   * Probes every `interval`-th step from when the kernels are compiled, those among them that measure what a narrow format
   * does to a tensor as it is stored.
   * @throws EngineError SHADER_COMPILE, and OUT_OF_MEMORY where there is no room to store the largest such tensor in f32
   */
  async enable(interval = DEFAULT_INTERVAL): Promise<void> {
    if (!Number.isInteger(interval) || interval < 1) throw new RangeError(`interval is ${interval}`);
    this.#interval = interval;
    await this.#prepareFor(true);
  }

  disable(): void {
    this.#interval = null;
  }

  /** Frames of probed steps that have arrived since the last call, oldest first. */
  takeFrames(): NumericsFrame[] {
    return this.#frames.splice(0);
  }

  /**
   * Weights as they are, or the activations of the newest batch. Not for use inside a step.
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
   * Gradients of `count` micro-batches, at the loss scale of the next step, whether or not steps are probed. Not for use
   * inside a step.
   * @param write puts micro-batch `index` in place
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

  /** What to submit for each micro-batch of step `step` (from 1) where it is probed. */
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

  /** Waits for the frame of what was submitted last. */
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

  /** Compiled once; calls for one that is compiling share it. */
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
    // The run may have ended while its kernels were compiled.
    if (this.#destroyed) program.destroy();
    else this.#programs.push(program);
    return program;
  }

  /** The tensors of the run and those of the scratch, allocated here. */
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
