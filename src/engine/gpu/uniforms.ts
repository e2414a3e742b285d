/** Reads the uniform structs of kernels from their WGSL, and fills them with the named values of a dispatch. */
import { type Dispatch, SITE, variantKey } from './operation.ts';

export interface UniformField {
  readonly name: string;
  readonly type: 'u32' | 'f32';
  /** Offset in the struct, in bytes. */
  readonly offset: number;
}

/**
 * The fields of the uniform struct of linked WGSL, in order; empty if the kernel has no uniform.
 * @throws RangeError if a field is neither u32 nor f32
 */
export function uniformsOf(code: string): UniformField[] {
  const struct = /var<uniform>\s*\w+\s*:\s*(\w+)/.exec(code)?.[1];
  if (struct === undefined) return [];
  const body = new RegExp(`\\bstruct\\s+${struct}\\s*\\{([^}]*)\\}`).exec(code)?.[1];
  if (body === undefined) throw new RangeError(`the uniform has the type ${struct}, which is no struct`);
  const fields = body.split(',').filter((field) => field.trim() !== '');
  return fields.map((field, i) => {
    const [, name, type] = /^\s*(\w+)\s*:\s*(u32|f32)\s*$/.exec(field) ?? [];
    if (!name) throw new RangeError(`the field "${field.trim()}" of ${struct} is neither u32 nor f32`);
    return { name, type: type as UniformField['type'], offset: 4 * i };
  });
}

/**
 * Writes the uniforms of a dispatch in the layout of its kernel.
 * @param site the site number, which replaces SITE
 * @throws RangeError naming the kernel and the field, if a field is missing or unknown, or a u32 field has no valid u32
 */
export function writeUniforms(
  view: DataView,
  fields: readonly UniformField[],
  { variant, uniforms }: Pick<Dispatch, 'variant' | 'uniforms'>,
  site: number,
): void {
  const missing = fields.filter(({ name }) => !Object.hasOwn(uniforms, name)).map(({ name }) => name);
  const unknown = Object.keys(uniforms).filter((name) => !fields.some((field) => field.name === name));
  if (missing.length > 0 || unknown.length > 0) {
    throw new RangeError(
      `${variantKey(variant)}: missing uniforms [${missing.join(', ')}], unknown uniforms [${unknown.join(', ')}]`,
    );
  }
  for (const { name, type, offset } of fields) {
    const given = uniforms[name]!;
    const value = given === SITE ? site : given;
    if (type === 'f32') {
      view.setFloat32(offset, value, true);
      continue;
    }
    if (value !== value >>> 0) {
      throw new RangeError(
        `${variantKey(variant)}: the uniform ${name} is ${value}; a u32 is a whole number from 0 to ${2 ** 32 - 1}`,
      );
    }
    view.setUint32(offset, value, true);
  }
}
