/** Links the WGSL of kernels. Only this module reads `shaders/`. */
import { link, minimallyMangledName } from 'wesl/core';
import { EngineError } from '../core/errors.ts';
import { type Variant, variantKey } from './operation.ts';
import { nameInSlot, slotModules, withReadOnly } from './slots.ts';
import { type UniformField, uniformsOf } from './uniforms.ts';

const files = import.meta.glob<string>('../../../shaders/**/*.wgsl', {
  query: '?raw',
  import: 'default',
  eager: true,
});

/** Sources by path relative to `shaders/`, such as `./lib/round.wgsl`. Tests add preludes of formats that no mode uses. */
export const SHADERS: Record<string, string> = Object.fromEntries(
  Object.entries(files).map(([path, text]) => [`./${path.split('/shaders/')[1]}`, text]),
);

export interface BindingLayout {
  readonly group: number;
  readonly binding: number;
  readonly type: GPUBufferBindingType;
}

export interface AssembledShader {
  readonly code: string;
  readonly entryPoint: string;
  /** Group, binding and access by variable name. */
  readonly bindings: ReadonlyMap<string, BindingLayout>;
  readonly uniforms: readonly UniformField[];
}

/**
 * Names of WGSL extensions that the linker does not know and would reject. Kernels import them as `extension::name` from a
 * module of placeholder constants. The constants are removed from the linked text, so that the names refer to the extension.
 */
const EXTENSION_NAMES = [
  'col_major',
  'dot4I8Packed',
  'row_major',
  'subgroup_matrix_left',
  'subgroup_matrix_result',
  'subgroup_matrix_right',
  'subgroupMatrixLoad',
  'subgroupMatrixMultiplyAccumulate',
  'subgroupMatrixStore',
];
const EXTENSION_STANDINS = EXTENSION_NAMES.map((name) => `const ${name} = 0;`).join('\n');

function withoutStandins(code: string): string {
  return code.replace(new RegExp(`^const (${EXTENSION_NAMES.join('|')}) = 0;$`, 'gm'), '');
}

/** Names of all kernels, which are the files directly in `shaders/`. */
export function kernelNames(): string[] {
  return Object.keys(SHADERS)
    .filter((path) => path.split('/').length === 2)
    .map((path) => path.slice(2, -'.wgsl'.length))
    .sort();
}

/**
 * Links a kernel with the storage preludes and functions of its slots into plain WGSL.
 * @throws EngineError SHADER_COMPILE naming the variant, if a name or file is missing or a uniform is neither u32 nor f32
 */
export async function assemble(variant: Variant): Promise<AssembledShader> {
  const sourceOf = (path: string): string => {
    const source = SHADERS[`./${path}.wgsl`];
    if (source === undefined) throw new RangeError(`there is no file ${path}.wgsl`);
    return source;
  };
  try {
    const functions = Object.entries(variant.functions ?? {}).map(
      ([slot, file]) => [`${slot}_function`, sourceOf(`functions/${file}`)] as const,
    );
    const modules: Record<string, string> = {
      ...slotModules(variant.slots, sourceOf),
      ...Object.fromEntries(functions),
      extension: EXTENSION_STANDINS,
    };
    const linked = await link({
      weslSrc: SHADERS,
      rootModuleName: `./${variant.kernel}.wgsl`,
      conditions: variant.conditions,
      constants: { ...variant.constants },
      virtualLibs: Object.fromEntries(Object.entries(modules).map(([name, source]) => [name, () => source])),
      mangler: (declaration, module, name, taken) => {
        const slot = module.modulePath.slice('package::'.length);
        const inSlot = Object.hasOwn(variant.slots, slot);
        return inSlot ? nameInSlot(slot, declaration.originalName) : minimallyMangledName(name, taken);
      },
      keepComments: false,
      sourceMap: false,
    });
    const code = withSubgroupSize(
      withReadOnly(withoutStandins(linked.dest), Object.keys(variant.slots)),
      variant,
    );
    return { code, entryPoint: variant.kernel, bindings: bindingsOf(code), uniforms: uniformsOf(code) };
  } catch (error) {
    throw shaderError(variant, error instanceof Error ? error.message : String(error), error);
  }
}

/**
 * Has the pipeline ask for the size of its subgroups where the variant has the condition `asksSubgroup`. The linker drops
 * the attribute, so that it is put in here.
 */
function withSubgroupSize(code: string, { conditions, constants }: Variant): string {
  if (!conditions.asksSubgroup) return code;
  if (!constants.SUBGROUP) throw new RangeError('the size of its subgroups is not among its constants');
  return code
    .replace(/^enable subgroups;/m, 'enable subgroups;\nenable subgroup_size_control;')
    .replace('@compute', `@compute @subgroup_size(${constants.SUBGROUP})`);
}

function shaderError(variant: Variant, detail: string, cause?: unknown): EngineError {
  return new EngineError(
    'SHADER_COMPILE',
    `Could not assemble ${variantKey(variant)}: ${detail}`,
    'This is a bug in Halfstep; please report it.',
    { cause },
  );
}

/** Reads the bind group layout from the WGSL, so that it always agrees with the access modes that the kernel declares. */
function bindingsOf(code: string): Map<string, BindingLayout> {
  const bindings = new Map<string, BindingLayout>();
  const pattern = /@group\((\d+)\)\s*@binding\((\d+)\)\s*var<(uniform|storage)(?:,\s*(\w+))?>\s*(\w+)/g;
  for (const [, group, binding, space, access, name] of code.matchAll(pattern)) {
    const type = space === 'uniform' ? 'uniform' : access === 'read_write' ? 'storage' : 'read-only-storage';
    bindings.set(name!, { group: Number(group), binding: Number(binding), type });
  }
  return bindings;
}
