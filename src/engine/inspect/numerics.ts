import type { Arena } from '../gpu/arena.ts';
import type { Program } from '../gpu/program.ts';
import { ReadbackRing } from '../gpu/readbackRing.ts';
import { byteLength, type Tensor } from '../gpu/tensor.ts';
import { BINS } from '../kernels/numerics.ts';
import { readStepState, STEP_STATE_WORDS, type StepState } from '../kernels/stepState.ts';
import type { RunTensors } from '../model/tensors.ts';
import { ProbeCost } from './cost.ts';
import type { NumericsFrame, QuantizationNoise } from './frame.ts';
import { readNoise } from './noise.ts';
import { type InspectedKind, type ProbedRun, ProbePrograms } from './probePrograms.ts';
import type { NumericsSchedule } from './schedule.ts';

const DEFAULT_INTERVAL = 20;

/** Probes in flight. Two are enough because probes are several steps apart; a step is not probed while the ring is full. */
const RING_DEPTH = 2;

/**
 * Takes histograms of the exponents of a run's numbers. Nothing is built, compiled or allocated before it is first needed.
 * A probed step gives the same bits as any other and does not wait for the CPU.
 */
export class Numerics {
  readonly #device: GPUDevice;
  readonly #arena: Arena;
  /** The same in all phases of the run. */
  readonly #histogram: Tensor;
  readonly #submit: (program: Program) => void;
  /** One for each phase of the run. */
  readonly #phases: readonly ProbePrograms[];
  readonly #deliveries: ((bytes: ArrayBuffer) => void)[] = [];
  readonly #frames: NumericsFrame[] = [];
  /** Whether each submitted step is probed, for steps whose metrics have not arrived yet. */
  readonly #inFlight: boolean[] = [];
  #phase: ProbePrograms;
  #ring: ReadbackRing | undefined;
  #preparing: Promise<void> | undefined;
  readonly #cost = new ProbeCost();
  #interval: number | null = null;
  #probing = false;
  #destroyed = false;

  /** @param phases the tensors of each phase of the run, which begins with the first */
  constructor(
    parts: ProbedRun & {
      readonly phases: readonly { readonly tensors: RunTensors }[];
      readonly submit: (program: Program) => void;
    },
  ) {
    this.#device = parts.device;
    this.#arena = parts.arena;
    this.#submit = parts.submit;
    this.#phases = parts.phases.map(({ tensors }) => new ProbePrograms(parts, tensors));
    this.#histogram = parts.phases[0]!.tensors.histogram;
    this.#phase = this.#phases[0]!;
  }

  /** The next step is one of phase `index`, and so are weights and activations that are inspected from here on. */
  enter(index: number): void {
    this.#phase = this.#phases[index]!;
  }

  /** Whether all kernels that count gradients are compiled. */
  get isReady(): boolean {
    return this.#phases.every(({ probe }) => probe !== undefined);
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
    if (this.#phases.every(({ probe }) => probe && (probe.measures || !measures))) return;
    const prepared = this.#prepareProbes(measures);
    const settled = prepared
      .catch(() => undefined)
      .then(() => {
        if (this.#preparing === settled) this.#preparing = undefined;
      });
    this.#preparing = settled;
    await prepared;
  }

  /**
   * Probes every `interval`-th step as soon as the kernels are compiled.
   * @param shadows whether f32 shadows measure what kernels narrow as they store it; without them fewer kernels are compiled
   * @throws EngineError SHADER_COMPILE, and OUT_OF_MEMORY when the shadows' tensors cannot be allocated
   */
  async enable(interval = DEFAULT_INTERVAL, shadows = true): Promise<void> {
    if (!Number.isInteger(interval) || interval < 1) throw new RangeError(`interval is ${interval}`);
    this.#interval = interval;
    await this.#prepareFor(shadows);
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
    const program = await this.#phase.program(kind);
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
    const { begin, microBatch, gradients } = this.#phase.probe!;
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
    const { probe } = this.#phase;
    this.#probing = due && probe !== undefined && !this.#ring!.isFull;
    this.#inFlight.push(this.#probing);
    if (!this.#probing) return undefined;
    this.#submit(probe!.begin);
    return probe!.microBatch;
  }

  endStep(): void {
    if (!this.#probing) return;
    this.#submit(this.#phase.probe!.gradients);
    this.#read(
      this.#ring!,
      'gradients',
      (state) => state.scaleUsed,
      (frame) => this.#frames.push(frame),
      true,
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
    for (const phase of this.#phases) phase.destroy();
    this.#ring?.destroy();
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
    isStep = false,
  ): void {
    const { schedule, probe } = this.#phase;
    const measures = probe?.measures ?? false;
    this.#deliveries.push((bytes) => {
      const words = new Uint32Array(bytes);
      const state = readStepState(bytes.slice((words.length - STEP_STATE_WORDS) * 4));
      const rows = schedule.rows[kind];
      const counts = words.slice(0, rows.length * BINS);
      const cost = this.#interval === null ? null : this.#cost.share(this.#interval);
      const noise = kind === 'gradients' ? noiseIn(schedule, words, measures) : [];
      const longRun = kind === 'gradients' ? schedule.longRun.read(words) : null;
      // A step that is skipped updates nothing.
      const updates = isStep && state.overflowSite === null ? schedule.updates.read(words) : null;
      const more = { ...(updates && { updates }), ...(longRun && { longRun }) };
      const counted = { rows, counts, noise, ...more, cost };
      deliver({ step: state.attempted, scale: scaleOf(state), ...counted });
    });
    const source = this.#arena.buffer(this.#histogram);
    const size = byteLength(this.#histogram);
    ring.push(this.#device, (encoder, to) => encoder.copyBufferToBuffer(source, 0, to, 0, size));
  }

  async #prepareProbes(measures: boolean): Promise<void> {
    for (const phase of this.#phases) await phase.prepare(measures);
    if (!this.#destroyed) this.#makeRing();
  }

  #makeRing(): ReadbackRing {
    const size = byteLength(this.#histogram);
    this.#ring ??= new ReadbackRing(
      this.#device,
      size,
      (bytes) => this.#deliveries.shift()?.(bytes),
      RING_DEPTH,
    );
    return this.#ring;
  }
}

function noiseIn({ noise }: NumericsSchedule, words: Uint32Array, measures: boolean): QuantizationNoise[] {
  const { rows, withoutShadows, firstWord } = noise;
  return readNoise(measures ? rows : rows.slice(0, withoutShadows), words.subarray(firstWord));
}
