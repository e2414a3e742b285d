/** Submits the micro-batches and the update of each step, and queues the readback of its state. */
import { microBatchesPerStep } from '../config/trainConfig.ts';
import type { PassStamps, Program } from '../gpu/program.ts';
import { submitPaced } from '../gpu/submitPace.ts';
import { type Phase, phaseAfter } from './phases.ts';
import { stashState } from './stateAside.ts';
import { StepReadback, type StepResult } from './stepReadback.ts';
import type { TrainerParts } from './trainerParts.ts';
import { writeTrainingBatch } from './writeBatch.ts';

export class StepQueue {
  /** Steps submitted since the run began, whether or not their state has arrived. */
  submitted = 0;
  readonly #parts: TrainerParts;
  readonly #ring: StepReadback;

  /** @param onStep is given what each step has computed when it arrives */
  constructor(parts: TrainerParts, onStep: (result: StepResult) => void) {
    const { device, arena, plan, config } = parts;
    this.#parts = parts;
    this.#ring = new StepReadback(device, arena, plan.tensors, config.updateRms, onStep);
  }

  /** Number of readbacks in flight, at most the depth of the ring. */
  get pending(): number {
    return this.#ring.pending;
  }

  /** Resolves when the states of all steps submitted so far have arrived. */
  get delivered(): Promise<void> {
    return this.#ring.delivered;
  }

  /** @throws RangeError when the readback ring is full; call {@link waitForRoom} first */
  checkRoom(): void {
    if (this.#ring.isFull) throw new RangeError('The readback ring is full: wait for room before a step');
  }

  /** Resolves as soon as a step can be queued. This is the only back-pressure between CPU and GPU. */
  waitForRoom(): Promise<void> {
    return this.#ring.waitForRoom();
  }

  /** Resolves when no readback is in flight. */
  drain(): Promise<void> {
    return this.#ring.drain();
  }

  /** Submits all micro-batches of the next step and its update. @param microBatch another program than the usual one */
  submitStep(microBatch: Program | undefined): void {
    const { programs } = this.phase;
    this.#runMicroBatches(microBatch ?? programs.microBatch, this.#ring.clock?.start);
    this.submit(programs.optimizer, this.#ring.clock?.end);
  }

  /** The phase of the next step, and of what reads weights before it. */
  get phase(): Phase {
    return phaseAfter(this.#parts.phases, this.submitted);
  }

  /** Queues the readback of the state after the step that was submitted last. */
  endStep(): void {
    this.#parts.pace.stepSubmitted();
    this.#ring.pushStep();
    const before = this.phase;
    this.submitted += 1;
    if (this.phase !== before) this.submit(this.phase.programs.enter);
  }

  /** Computes delayed scales from the batches of the next step. The step state does not change. */
  calibrate(): void {
    const restoreState = this.#stash();
    this.#runMicroBatches(this.phase.programs.calibration);
    restoreState();
  }

  /** Runs `work` after the start of a step that is not taken. @param work is given what writes micro-batch `index` of that step */
  async withoutStep<T>(work: (writeBatch: (index: number) => void) => Promise<T>): Promise<T> {
    const { config } = this.#parts;
    const first = this.submitted * microBatchesPerStep(config);
    const restoreState = this.#stash();
    try {
      this.submit(this.phase.programs.begin);
      return await work((index) => this.#writeBatch(first + index));
    } finally {
      restoreState();
    }
  }

  submit(program: Program, stamps?: PassStamps): void {
    submitPaced(this.#parts.device, this.#parts.pace, program, stamps);
  }

  destroy(): void {
    this.#ring.destroy();
  }

  #stash(): () => void {
    const { device, arena, plan } = this.#parts;
    return stashState(device, arena, plan.tensors);
  }

  /** The micro-batches of the next step. */
  #runMicroBatches(program: Program, stamps?: PassStamps): void {
    const count = microBatchesPerStep(this.#parts.config);
    this.submit(this.phase.programs.begin);
    for (let micro = 0; micro < count; micro++) {
      this.#writeBatch(this.submitted * count + micro);
      this.submit(program, micro === 0 ? stamps : undefined);
    }
  }

  #writeBatch(index: number): void {
    const { device, arena, plan, config, batches } = this.#parts;
    writeTrainingBatch(device, arena, plan.tensors, batches(index), config, index);
  }
}
