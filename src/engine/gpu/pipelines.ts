import { EngineError } from '../core/errors.ts';
import { type Variant, variantKey } from './operation.ts';
import { type AssembledShader, assemble } from './shaders.ts';

export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly shader: AssembledShader;
  readonly layouts: readonly GPUBindGroupLayout[];
}

/** Compiles each variant once per device. Requests for a variant that is compiling share its promise. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #kernels = new Map<string, Promise<CompiledKernel>>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get size(): number {
    return this.#kernels.size;
  }

  get(variant: Variant): Promise<CompiledKernel> {
    const key = variantKey(variant);
    let kernel = this.#kernels.get(key);
    if (!kernel) {
      kernel = compile(this.#device, variant, key);
      this.#kernels.set(key, kernel);
    }
    return kernel;
  }

  /**
   * Compiles variants in parallel.
   * @param onProgress called with the number compiled and the total
   */
  async getAll(
    variants: readonly Variant[],
    onProgress?: (done: number, total: number) => void,
  ): Promise<void> {
    const distinct = new Map(variants.map((variant) => [variantKey(variant), variant]));
    let done = 0;
    await Promise.all(
      [...distinct.values()].map(async (variant) => {
        await this.get(variant);
        done += 1;
        onProgress?.(done, distinct.size);
      }),
    );
  }
}

/** @throws EngineError SHADER_COMPILE with the compiler's messages and the lines that they refer to */
async function compile(device: GPUDevice, variant: Variant, key: string): Promise<CompiledKernel> {
  const shader = await assemble(variant);
  const layouts = bindGroupLayouts(device, shader, key);
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: key, code: shader.code });
  const scope = device.popErrorScope();
  try {
    const pipeline = await device.createComputePipelineAsync({
      label: key,
      layout: device.createPipelineLayout({ label: key, bindGroupLayouts: layouts }),
      compute: { module, entryPoint: shader.entryPoint },
    });
    await scope;
    return { pipeline, shader, layouts };
  } catch (cause) {
    await scope;
    const detail = (await compilerMessages(module, shader.code)) || String(cause);
    throw new EngineError(
      'SHADER_COMPILE',
      `The GPU's compiler could not compile ${key}: ${detail}`,
      'Try another browser, a newer driver or another precision mode.',
      { cause },
    );
  }
}

const COMPUTE_STAGE = 0x4;

function bindGroupLayouts(device: GPUDevice, shader: AssembledShader, key: string): GPUBindGroupLayout[] {
  const groups: GPUBindGroupLayoutEntry[][] = [[], []];
  for (const { group, binding, type } of shader.bindings.values()) {
    groups[group]!.push({ binding, visibility: COMPUTE_STAGE, buffer: { type } });
  }
  return groups.map((entries, group) =>
    device.createBindGroupLayout({ label: `${key} group ${group}`, entries }),
  );
}

async function compilerMessages(module: GPUShaderModule, code: string): Promise<string> {
  const { messages } = await module.getCompilationInfo();
  const lines = code.split('\n');
  return messages
    .filter(({ type }) => type === 'error')
    .map(
      ({ lineNum, linePos, message }) =>
        `\n  ${lineNum}:${linePos} ${message}\n    ${lines[lineNum - 1]?.trim() ?? ''}`,
    )
    .join('');
}
