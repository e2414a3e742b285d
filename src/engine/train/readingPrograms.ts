/** Memory and programs of passes that only read weights, beside whatever owns the weights. */
import { Arena, type BufferRange } from '../gpu/arena.ts';
import type { Operation, Target } from '../gpu/operation.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { type BufferSource, Program } from '../gpu/program.ts';
import { type SubmitPace, submitPaced } from '../gpu/submitPace.ts';
import { type Operand, type Tensor, tensorOf } from '../gpu/tensor.ts';
import type { Weights } from '../model/readingRun.ts';
import type { PlannedTensor } from '../model/tensorPlan.ts';
import { forgetOverflow } from './weights.ts';

/** A model's weights on a device. */
export interface WeightsOnDevice {
  readonly device: GPUDevice;
  readonly pipelines: PipelineCache;
  readonly target: Target;
  readonly pace: SubmitPace;
  readonly weights: Weights;
  /** Holds the weights and their scales. */
  readonly arena: BufferSource;
}

interface Planned {
  readonly planned: readonly PlannedTensor[];
  readonly found: Tensor;
}

export class ReadingPrograms<Name extends string> {
  readonly arena: Arena;
  readonly #of: WeightsOnDevice;
  readonly #programs: Readonly<Record<Name, Program>>;

  private constructor(of: WeightsOnDevice, arena: Arena, programs: Readonly<Record<Name, Program>>) {
    this.#of = of;
    this.arena = arena;
    this.#programs = programs;
  }

  /**
   * Allocates what was planned and compiles the operations. Waits for the pipelines and, once, for the GPU.
   * @throws EngineError OUT_OF_MEMORY, SHADER_COMPILE
   */
  static async make<Name extends string>(
    of: WeightsOnDevice,
    { planned, found }: Planned,
    operations: Readonly<Record<Name, readonly Operation[]>>,
  ): Promise<ReadingPrograms<Name>> {
    const { device, pipelines } = of;
    const names = Object.keys(operations) as Name[];
    const variants = names.flatMap((name) =>
      operations[name].flatMap((operation) => (operation.kind === 'dispatch' ? [operation.variant] : [])),
    );
    await pipelines.getAll(variants);
    const tensors = planned.map(({ tensor }) => tensor);
    const arena = await Arena.allocate(device, tensors);
    try {
      const own = new Set(tensors);
      const both: BufferSource = {
        range: (operand: Operand): BufferRange =>
          (own.has(tensorOf(operand)) ? arena : of.arena).range(operand),
      };
      const programs = {} as Record<Name, Program>;
      for (const name of names) {
        programs[name] = await Program.compile(device, pipelines, both, name, operations[name]);
      }
      forgetOverflow(device, arena.buffer(found));
      return new ReadingPrograms(of, arena, programs);
    } catch (error) {
      arena.destroy();
      throw error;
    }
  }

  submit(name: Name): void {
    const { device, pace } = this.#of;
    submitPaced(device, pace, this.#programs[name]);
  }

  write(tensor: Tensor, values: Uint32Array<ArrayBuffer>): void {
    this.#of.device.queue.writeBuffer(this.arena.buffer(tensor), 0, values);
  }

  destroy(): void {
    for (const program of Object.values<Program>(this.#programs)) program.destroy();
    this.arena.destroy();
  }
}
