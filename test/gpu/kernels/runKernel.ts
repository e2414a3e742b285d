/** Runs operations on tensors with given contents and reads everything back. Works in Node and in a page. */
import { Arena } from '../../../src/engine/gpu/arena.ts';
import type { AdapterReport } from '../../../src/engine/gpu/device.ts';
import type { AttentionKernel, MatmulKernel, Operation, Target } from '../../../src/engine/gpu/operation.ts';
import { PipelineCache } from '../../../src/engine/gpu/pipelines.ts';
import { Program } from '../../../src/engine/gpu/program.ts';
import {
  type BlockScales,
  byteLength,
  byteRange,
  bytesPerElement,
  type ElementType,
  formatOf,
  slice,
  type Tensor,
} from '../../../src/engine/gpu/tensor.ts';
import { NO_SITE } from '../../../src/engine/kernels/stepState.ts';
import type { FormatId, HalfStorage } from '../../../src/engine/precision/formats.ts';
import { decodeBits, encodeBits, f32Bits } from '../../../src/engine/reference/rounding.ts';

/** A device and the kernels compiled on it so far: keep one for many runs. */
export interface KernelFixture {
  readonly device: GPUDevice;
  readonly report: AdapterReport;
  readonly pipelines: PipelineCache;
}

export function makeKernelFixture(device: GPUDevice, report: AdapterReport): KernelFixture {
  return { device, report, pipelines: new PipelineCache(device) };
}

/** Lanes of row kernels without subgroups; the smallest subgroup of the software adapters is 4 or 8. */
export const LANES_WITHOUT_SUBGROUPS = 64;

/** A target that the fixture's adapter can run, whatever it would choose for itself. */
export function targetOf(
  { report }: Pick<KernelFixture, 'report'>,
  half: HalfStorage,
  subgroups: boolean,
  matmul: MatmulKernel = subgroups ? 'register32' : 'register8',
  attention: AttentionKernel = 'register',
): Target {
  const subgroup = subgroups ? (report.subgroupSize?.min ?? null) : null;
  return {
    half,
    subgroup,
    lanes: subgroup ?? LANES_WITHOUT_SUBGROUPS,
    matmul,
    attention,
    matrixShapes: [],
    splitSums: false,
  };
}

/** Storages and subgroup use that the adapter offers. */
export function storagesOf({ report }: Pick<KernelFixture, 'report'>): HalfStorage[] {
  return report.features.includes('shader-f16') ? ['native', 'packed'] : ['packed'];
}

/** The matmul kernels that adapters choose between at that subgroup size; null is without subgroups. */
export function matmulKernels(lanes: number | null): MatmulKernel[] {
  if (lanes === null) return ['register8', 'register16-unshared', 'tiled64', 'tiled128'];
  return lanes < 8 ? ['register8'] : ['register16', 'register32'];
}

export function subgroupChoices({ report }: Pick<KernelFixture, 'report'>): boolean[] {
  return report.subgroupSize ? [true, false] : [false];
}

type Codes = Uint8Array | Uint16Array | Uint32Array;

/** One number a code, or for two codes of half a byte. */
function codesIn(type: ElementType, bytes: ArrayBuffer): Codes {
  return new { 0.5: Uint8Array, 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[bytesPerElement(type)](bytes);
}

/** Elements behind every output that no kernel may touch: within the binding, so that nothing clamps a stray store. */
const GUARD = 256;

const MAP_READ = 0x1;
const COPY_DST = 0x8;

export class KernelRun {
  readonly #fixture: KernelFixture;
  readonly #contents = new Map<Tensor, Uint8Array<ArrayBuffer>>();
  readonly #rounded = new Map<Tensor, Float64Array>();
  /** Elements of an output without its guard. */
  readonly #outputs = new Map<Tensor, number>();
  readonly #found: Tensor[] = [];
  #results: ReadonlyMap<Tensor, ArrayBuffer> | undefined;
  #sites: readonly string[] = [];

  constructor(fixture: KernelFixture) {
    this.#fixture = fixture;
  }

  /** A tensor holding `values` rounded to its format. */
  input(name: string, type: FormatId, values: ArrayLike<number>): Tensor {
    const codes = Array.from(values, (x) => encodeBits(type, f32Bits(x)));
    const tensor = this.codes(name, type, codes);
    this.#rounded.set(
      tensor,
      Float64Array.from(codes, (code) => decodeBits(type, code)),
    );
    return tensor;
  }

  /** A tensor with these codes of its format, or these indices. */
  codes(name: string, type: ElementType, codes: ArrayLike<number>): Tensor {
    const tensor = { name, type, elements: codes.length };
    const bytes = new Uint8Array(byteLength(tensor));
    codesIn(type, bytes.buffer).set(codes);
    this.#contents.set(tensor, bytes);
    return tensor;
  }

  /**
   * A tensor that starts full of NaN (or 0xffffffff), so that what a kernel leaves out shows. Behind it lies a guard:
   * a store there fails the run. Where its blocks have scales, those lie before the guard.
   */
  output(name: string, type: ElementType, elements: number, scales?: BlockScales): Tensor {
    const blockScales = scales && { ...scales, part: elements };
    const tensor: Tensor = { name, type, elements: elements + GUARD, blockScales };
    this.#contents.set(tensor, new Uint8Array(byteLength(tensor)).fill(0xff));
    this.#outputs.set(tensor, elements);
    return tensor;
  }

  /** A tensor with these bytes, which may be followed by scales. */
  stored(tensor: Tensor, bytes: Uint8Array<ArrayBuffer>): Tensor {
    if (bytes.length !== byteLength(tensor))
      throw new RangeError(`${tensor.name} has ${byteLength(tensor)} bytes`);
    this.#contents.set(tensor, bytes);
    return tensor;
  }

  zeros(name: string, type: ElementType, elements: number): Tensor {
    return this.codes(name, type, new Uint32Array(elements));
  }

  /** A found-inf flag; a run may have several. */
  found(): Tensor {
    const tensor = this.codes(`found ${this.#found.length}`, 'u32', [NO_SITE, 0, 0, 0]);
    this.#found.push(tensor);
    return tensor;
  }

  bytes(name: string, contents: ArrayBuffer): Tensor {
    return this.codes(name, 'u32', new Uint32Array(contents));
  }

  /** What an input holds after rounding: what the oracle gets. */
  values(tensor: Tensor): Float64Array {
    const values = this.#rounded.get(tensor);
    if (!values) throw new RangeError(`${tensor.name} is not an input`);
    return values;
  }

  async run(operations: readonly Operation[]): Promise<void> {
    const { device, pipelines } = this.#fixture;
    const tensors = [...this.#contents.keys()];
    const arena = await Arena.allocate(device, tensors);
    const program = await Program.compile(device, pipelines, arena, 'kernel test', operations);
    const offsets = new Map<Tensor, number>();
    let size = 0;
    for (const tensor of tensors) {
      offsets.set(tensor, size);
      size += byteLength(tensor);
      device.queue.writeBuffer(arena.buffer(tensor), 0, this.#contents.get(tensor)!);
    }
    const staging = device.createBuffer({ label: 'read back', size, usage: MAP_READ | COPY_DST });
    program.submit(Number.POSITIVE_INFINITY);
    const encoder = device.createCommandEncoder();
    for (const tensor of tensors) {
      const buffer = arena.buffer(tensor);
      encoder.copyBufferToBuffer(buffer, 0, staging, offsets.get(tensor)!, buffer.size);
    }
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(MAP_READ);
    const all = staging.getMappedRange();
    this.#results = new Map(
      tensors.map((tensor) => {
        const start = offsets.get(tensor)!;
        return [tensor, all.slice(start, start + byteLength(tensor))];
      }),
    );
    this.#sites = program.sites;
    staging.unmap();
    staging.destroy();
    program.destroy();
    arena.destroy();
    for (const [tensor, elements] of this.#outputs) this.#checkGuard(tensor, elements);
  }

  bytesOf(tensor: Tensor): ArrayBuffer {
    const bytes = this.#results?.get(tensor);
    if (!bytes) throw new RangeError(`${tensor.name} has not been read back`);
    return bytes;
  }

  /** Codes as stored. */
  codesOf(tensor: Tensor): Codes {
    const elements = this.#outputs.get(tensor) ?? tensor.elements;
    return codesIn(tensor.type, this.bytesOf(tensor)).subarray(0, elements);
  }

  /** Values as stored. */
  read(tensor: Tensor): Float64Array {
    const format = formatOf(tensor);
    return Float64Array.from(this.codesOf(tensor), (code) => decodeBits(format, code));
  }

  #checkGuard(tensor: Tensor, elements: number): void {
    const { offset } = byteRange(slice(tensor, elements, 4));
    const guard = new Uint8Array(this.bytesOf(tensor)).subarray(offset);
    const touched = guard.findIndex((byte) => byte !== 0xff);
    if (touched < 0) return;
    const element = elements + Math.floor(touched / bytesPerElement(tensor.type));
    throw new Error(`a kernel stored element ${element} of ${tensor.name}, which has ${elements}`);
  }

  /** The label of the first operation that overflowed; null when none did. */
  overflow(found: Tensor | undefined = this.#found[0]): string | null {
    if (!found) throw new RangeError('There is no found flag');
    const site = this.codesOf(found)[0]!;
    return site === NO_SITE ? null : (this.#sites[site] ?? `unknown site ${site}`);
  }
}
