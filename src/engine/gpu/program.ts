import { type BufferRange, GPUBufferUsageFlags } from './arena.ts';
import { type Dispatch, type Operation, variantKey } from './operation.ts';
import type { CompiledKernel, PipelineCache } from './pipelines.ts';
import type { Operand } from './tensor.ts';
import { writeUniforms } from './uniforms.ts';

/** Provides the buffer range of an operand; usually an arena. */
export interface BufferSource {
  range(operand: Operand): BufferRange;
}

/** Timestamp queries that are written at the start of a program's first pass or at the end of its last pass. */
export type PassStamps = Pick<GPUComputePassTimestampWrites, 'querySet'> &
  (
    | Required<Pick<GPUComputePassTimestampWrites, 'beginningOfPassWriteIndex'>>
    | Required<Pick<GPUComputePassTimestampWrites, 'endOfPassWriteIndex'>>
  );

/** Rough memory cost of a workgroup, in equivalent floating-point operations. */
const UNITS_PER_WORKGROUP = 2 ** 15;

/** Uniform offsets are multiples of 256 on every adapter. */
const PARAMS_STRIDE = 256;

export interface SubmitOptions {
  /** Timestamps to write at the start of the first pass or at the end of the last one. */
  readonly stamps?: PassStamps | undefined;
  readonly onSubmit?: ((units: number) => void) | undefined;
}

type Step =
  | {
      readonly kind: 'dispatch';
      readonly pipeline: GPUComputePipeline;
      readonly operands: GPUBindGroup;
      readonly params: GPUBindGroup;
      readonly grid: readonly [number, number, number];
      readonly units: number;
    }
  | { readonly kind: 'encode'; readonly encode: (encoder: GPUCommandEncoder) => void };

/**
 * A list of operations compiled for replay. Compiling creates pipelines, bind groups and uniforms; replaying creates nothing
 * but command buffers.
 */
export class Program {
  readonly label: string;
  /** Labels by site number, counted from the first site. Messages about an overflow show them. */
  readonly sites: readonly string[];
  readonly #device: GPUDevice;
  readonly #steps: readonly Step[];
  readonly #params: GPUBuffer;

  private constructor(
    label: string,
    device: GPUDevice,
    steps: readonly Step[],
    params: GPUBuffer,
    sites: readonly string[],
  ) {
    this.label = label;
    this.#device = device;
    this.#steps = steps;
    this.#params = params;
    this.sites = sites;
  }

  /**
   * Compiles operations. Waits for the pipelines, but not for the GPU.
   * @param firstSite site number of the first operation; the programs of a step use disjoint ranges
   * @throws EngineError SHADER_COMPILE; RangeError if the kernel declares other bindings or uniforms than the dispatch has
   */
  static async compile(
    device: GPUDevice,
    pipelines: PipelineCache,
    arena: BufferSource,
    label: string,
    operations: readonly Operation[],
    firstSite = 0,
  ): Promise<Program> {
    const dispatches = operations.filter((operation) => operation.kind === 'dispatch');
    const size = Math.max(1, dispatches.length) * PARAMS_STRIDE;
    const usage = GPUBufferUsageFlags.UNIFORM | GPUBufferUsageFlags.COPY_DST;
    const params = device.createBuffer({ label: `${label} params`, size, usage });
    const bytes = new ArrayBuffer(size);
    const steps: Step[] = [];
    let index = 0;
    const sites: string[] = [];
    for (const operation of operations) {
      const site = firstSite + sites.length;
      if (operation.kind === 'copy') {
        const from = arena.range(operation.from);
        const to = arena.range(operation.to);
        const encode = (encoder: GPUCommandEncoder): void =>
          encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, from.size);
        steps.push({ kind: 'encode', encode });
        sites.push('');
      } else if (operation.kind === 'clear') {
        const { buffer, offset, size: length } = arena.range(operation.target);
        steps.push({ kind: 'encode', encode: (encoder) => encoder.clearBuffer(buffer, offset, length) });
        sites.push('');
      } else {
        const offset = index * PARAMS_STRIDE;
        const kernel = await pipelines.get(operation.variant);
        writeUniforms(new DataView(bytes, offset, PARAMS_STRIDE), kernel.shader.uniforms, operation, site);
        const [x, y, z] = operation.grid;
        steps.push({
          kind: 'dispatch',
          pipeline: kernel.pipeline,
          operands: bindOperands(device, arena, kernel, operation),
          params: device.createBindGroup({
            label: operation.label,
            layout: kernel.layouts[1]!,
            entries: [{ binding: 0, resource: { buffer: params, offset, size: PARAMS_STRIDE } }],
          }),
          grid: operation.grid,
          units: (operation.flops ?? 0) + x * y * z * UNITS_PER_WORKGROUP,
        });
        index += 1;
        if (!operation.observes) sites.push(operation.label);
      }
    }
    device.queue.writeBuffer(params, 0, bytes);
    return new Program(label, device, steps, params, sites);
  }

  /** Bytes of the uniform buffer, which the memory plan does not list. */
  get paramBytes(): number {
    return this.#params.size;
  }

  /** Encodes everything into one encoder. */
  encode(encoder: GPUCommandEncoder): void {
    this.#encodeRange(encoder, 0, this.#steps.length);
  }

  /** Estimated work: floating-point operations plus the memory cost in equivalent operations. Used to split programs, not to measure. */
  get units(): number {
    return this.#steps.reduce((sum, step) => sum + unitsOf(step), 0);
  }

  /**
   * Submits the program in command buffers of at most `unitsPerSubmit` units of work, so that no submission occupies the GPU
   * long enough to trigger a watchdog. A single dispatch is never split. Returns without waiting for the GPU.
   * @param onSubmit called after each submission with its units of work
   */
  submit(unitsPerSubmit: number, { stamps, onSubmit }: SubmitOptions = {}): void {
    let first = 0;
    let units = 0;
    for (let next = 0; next < this.#steps.length; next++) {
      units += unitsOf(this.#steps[next]!);
      const following = this.#steps[next + 1];
      if (following && units + unitsOf(following) <= unitsPerSubmit) continue;
      const encoder = this.#device.createCommandEncoder({ label: this.label });
      this.#encodeRange(encoder, first, next + 1, stamps);
      this.#device.queue.submit([encoder.finish()]);
      onSubmit?.(units);
      first = next + 1;
      units = 0;
    }
  }

  destroy(): void {
    this.#params.destroy();
  }

  #encodeRange(encoder: GPUCommandEncoder, first: number, end: number, stamps?: PassStamps): void {
    let pass: GPUComputePassEncoder | undefined;
    for (let i = first; i < end; i++) {
      const step = this.#steps[i]!;
      if (step.kind === 'encode') {
        pass?.end();
        pass = undefined;
        step.encode(encoder);
        continue;
      }
      pass ??= encoder.beginComputePass({ label: this.label, ...this.#stampsOfPass(i, end, stamps) });
      pass.setPipeline(step.pipeline);
      pass.setBindGroup(0, step.operands);
      pass.setBindGroup(1, step.params);
      pass.dispatchWorkgroups(...step.grid);
    }
    pass?.end();
  }

  /** Timestamp writes of the pass that starts at step `first`, and that ends before step `end` or earlier. */
  #stampsOfPass(
    first: number,
    end: number,
    stamps?: PassStamps,
  ): Pick<GPUComputePassDescriptor, 'timestampWrites'> {
    if (!stamps) return {};
    const isDispatch = ({ kind }: Step) => kind === 'dispatch';
    const last = this.#steps.findLastIndex(isDispatch);
    const written =
      'beginningOfPassWriteIndex' in stamps
        ? first === this.#steps.findIndex(isDispatch)
        : last < end && this.#steps.slice(first, last + 1).every(isDispatch);
    return written ? { timestampWrites: stamps } : {};
  }
}

function unitsOf(step: Step): number {
  return step.kind === 'dispatch' ? step.units : 0;
}

function bindOperands(
  device: GPUDevice,
  arena: BufferSource,
  kernel: CompiledKernel,
  dispatch: Dispatch,
): GPUBindGroup {
  const declared = [...kernel.shader.bindings].filter(([, { group }]) => group === 0);
  const given = dispatch.bindings;
  const missing = declared.filter(([name]) => !Object.hasOwn(given, name)).map(([name]) => name);
  const surplus = Object.keys(given).filter((name) => kernel.shader.bindings.get(name)?.group !== 0);
  if (missing.length > 0 || surplus.length > 0) {
    const key = variantKey(dispatch.variant);
    throw new RangeError(
      `${key}: missing bindings [${missing.join(', ')}], unknown bindings [${surplus.join(', ')}]`,
    );
  }
  return device.createBindGroup({
    label: dispatch.label,
    layout: kernel.layouts[0]!,
    entries: declared.map(([name, { binding }]) => ({ binding, resource: arena.range(given[name]!) })),
  });
}
