/** Reads what a step reports back from the GPU, a few steps late. */
import type { Arena } from '../gpu/arena.ts';
import { GpuClock, STAMP_BYTES, stepMilliseconds } from '../gpu/gpuClock.ts';
import { ReadbackRing } from '../gpu/readbackRing.ts';
import { byteLength, type Tensor } from '../gpu/tensor.ts';
import { type UpdateRms, updateRmsOf } from '../inspect/updateRms.ts';
import { readBlocks, stageOf } from '../kernels/levels.ts';
import { readStepState, STEP_STATE_WORDS, type StepState } from '../kernels/stepState.ts';
import type { RunTensors } from '../model/tensors.ts';
import { type Stage, stageCost } from '../precision/levels.ts';

const STATE_BYTES = STEP_STATE_WORDS * 4;

/** The stage of a precision schedule. */
export interface StageMetrics {
  /** The mode whose operands it has; where each block has a stage of its own, those of all blocks, with spaces between them. */
  readonly mode: string;
  /** Simulated cost of a multiply-add of the blocks, as a share of one of 32 bits: the mean over blocks. */
  readonly cost: number;
  /** From 1, of `stages`. These three are absent where each block has a stage of its own. */
  readonly stage?: number;
  readonly stages?: number;
  /** Stages so far that were reached because their turn had come, and not because the loss had stopped falling. */
  readonly forced?: number;
}

export interface StepResult {
  readonly state: StepState;
  /** GPU time of the step; null without usable timestamps. */
  readonly gpuMs: number | null;
  /** Of the tensors with a second moment; null if it is not measured. */
  readonly rms: UpdateRms | null;
  /** Names of the tensors that were not updated, because their gradients are not finite; null in runs that skip whole steps. */
  readonly skippedTensors: readonly string[] | null;
  /** Null in runs without a precision schedule. */
  readonly stage: StageMetrics | null;
  /** Relative noise of each block when its stage was last decided, 0 before; null where blocks have no stages of their own. */
  readonly noise: readonly number[] | null;
  /** Mean of log Z; undefined without z-loss. */
  readonly logZ: number | undefined;
}

export class StepReadback extends ReadbackRing {
  readonly clock: GpuClock | null;
  /** Queues the readback of the last submitted step. Throws a RangeError when the ring is full. */
  readonly pushStep: () => void;

  /** @param measures whether the run measures the root mean squares of its updates */
  constructor(
    device: GPUDevice,
    arena: Arena,
    tensors: RunTensors,
    measures: boolean,
    deliver: (result: StepResult) => void,
  ) {
    const { state, tensorSteps, levels, logZ, recipe } = tensors;
    const { stages } = recipe;
    const clock = GpuClock.of(device);
    const rms = measures ? updateRmsOf(tensors) : null;
    const offsets = new Map<Tensor, number>();
    let size = STATE_BYTES + (clock ? STAMP_BYTES : 0);
    const isScheduled = levels !== null && stages.length > 1;
    for (const tensor of [
      ...(rms?.tensors ?? []),
      ...(tensorSteps ? [tensorSteps.squares] : []),
      ...(isScheduled ? [levels.table] : []),
      ...(logZ ? [logZ.mean] : []),
    ]) {
      offsets.set(tensor, size);
      size += byteLength(tensor);
    }
    super(device, size, (bytes) => {
      const numbers = (tensor: Tensor) => new Float32Array(bytes, offsets.get(tensor)!, tensor.elements);
      const squares = tensorSteps && numbers(tensorSteps.squares);
      const table = isScheduled
        ? new Uint32Array(bytes, offsets.get(levels.table)!, levels.table.elements)
        : null;
      deliver({
        state: readStepState(bytes),
        gpuMs: clock ? stepMilliseconds(bytes.slice(STATE_BYTES, STATE_BYTES + STAMP_BYTES)) : null,
        rms: rms?.read(numbers) ?? null,
        skippedTensors: squares && tensorSteps.names.filter((_, index) => squares[index]! < 0),
        stage: table && stageMetrics(table),
        noise: table && levels?.ofBlocks ? readBlocks(table, levels.ofBlocks.blocks).noise : null,
        logZ: logZ ? numbers(logZ.mean)[0] : undefined,
      });
    });
    const stageMetrics = (table: Uint32Array<ArrayBuffer>): StageMetrics => {
      if (levels?.ofBlocks) return metricsOfBlocks(table, levels.ofBlocks.blocks, stages);
      const { used, forced } = stageOf(table);
      const stage = stages[used]!;
      const cost = stageCost(stage);
      return { stage: used + 1, stages: stages.length, mode: stage.name, forced, cost };
    };
    this.clock = clock;
    this.pushStep = () =>
      this.push(device, (encoder, to) => {
        encoder.copyBufferToBuffer(arena.buffer(state), 0, to, 0, STATE_BYTES);
        clock?.read(encoder, to, STATE_BYTES);
        for (const [tensor, offset] of offsets) {
          encoder.copyBufferToBuffer(arena.buffer(tensor), 0, to, offset, byteLength(tensor));
        }
      });
  }

  override destroy(): void {
    super.destroy();
    this.clock?.destroy();
  }
}

function metricsOfBlocks(
  table: Uint32Array<ArrayBuffer>,
  blocks: number,
  stages: readonly Stage[],
): StageMetrics {
  const used = readBlocks(table, blocks).used.map((stage) => stages[stage]!);
  const cost = used.reduce((sum, stage) => sum + stageCost(stage), 0) / blocks;
  return { mode: used.map(({ name }) => name).join(' '), cost };
}
