/** What is read back after each step: its state, its time stamps, and in runs with z-loss log Z. */
import type { Arena } from '../gpu/arena.ts';
import { type GpuClock, STAMP_BYTES, stepMilliseconds } from '../gpu/gpuClock.ts';
import { readStepState, STEP_STATE_WORDS, type StepState } from '../kernels/stepState.ts';
import type { RunTensors } from '../model/tensors.ts';

const STATE_BYTES = STEP_STATE_WORDS * 4;
const LOG_Z_BYTES = 4;

export interface StepFigures {
  readonly state: StepState;
  /** Null without time stamps. */
  readonly gpuMs: number | null;
  /** Mean of log Z; undefined without z-loss. */
  readonly logZ: number | undefined;
}

export class StepReadback {
  readonly #arena: Arena;
  readonly #tensors: Pick<RunTensors, 'state' | 'logZ'>;
  readonly #clock: GpuClock | null;
  readonly #stampsEnd: number;

  constructor(arena: Arena, tensors: Pick<RunTensors, 'state' | 'logZ'>, clock: GpuClock | null) {
    this.#arena = arena;
    this.#tensors = tensors;
    this.#clock = clock;
    this.#stampsEnd = STATE_BYTES + (clock ? STAMP_BYTES : 0);
  }

  /** Bytes of a step. */
  get size(): number {
    return this.#stampsEnd + (this.#tensors.logZ ? LOG_Z_BYTES : 0);
  }

  copy(encoder: GPUCommandEncoder, to: GPUBuffer): void {
    const { state, logZ } = this.#tensors;
    encoder.copyBufferToBuffer(this.#arena.buffer(state), 0, to, 0, STATE_BYTES);
    this.#clock?.read(encoder, to, STATE_BYTES);
    if (!logZ) return;
    encoder.copyBufferToBuffer(this.#arena.buffer(logZ.mean), 0, to, this.#stampsEnd, LOG_Z_BYTES);
  }

  read(bytes: ArrayBuffer): StepFigures {
    return {
      state: readStepState(bytes),
      gpuMs: this.#clock ? stepMilliseconds(bytes.slice(STATE_BYTES, this.#stampsEnd)) : null,
      logZ: this.#tensors.logZ ? new Float32Array(bytes, this.#stampsEnd)[0] : undefined,
    };
  }
}
