/** The modules that kernels read and write their operands through: `inp::load(i)`, `out::store(i, v)`. */
import { type Prelude, preludeSource } from '../precision/formats.ts';

/** Bindings that kernels declare themselves have lower numbers. */
const FIRST_BINDING = 16;

/** What a kernel may call of a slot that stores to it. */
const STORES = ['storeCodes'];

/**
 * WGSL of each slot: the prelude of its format with the constants that it reads, and the functions of `shaders/slots/` over a
 * binding that is called as the slot.
 * @param sourceOf by path below `shaders/`
 * @throws RangeError where a file is missing
 */
export function slotModules(
  slots: Readonly<Record<string, Prelude>>,
  sourceOf: (path: string) => string,
): Record<string, string> {
  const access = sourceOf('slots/elements');
  const names = Object.keys(slots).sort();
  const modules = names.map((name, i) => {
    const { file, constants } = preludeSource(slots[name]!);
    const declared = Object.entries(constants).map(([constant, value]) => `const ${constant} = ${value};`);
    const bound = access.replace(/\bSLOT\b/g, name).replace(/\bBINDING\b/g, String(FIRST_BINDING + i));
    return [name, [sourceOf(`formats/${file}`), ...declared, bound].join('\n')] as const;
  });
  return Object.fromEntries(modules);
}

/** Name in linked WGSL of what a slot's module declares: that of the slot for its binding, else with the slot before it. */
export function nameInSlot(slot: string, name: string): string {
  return name === slot ? slot : `${slot}_${name}`;
}

/** Linked WGSL with bindings that the kernel only reads bound so. */
export function withReadOnly(code: string, slots: readonly string[]): string {
  return slots.reduce((linked, slot) => {
    if (STORES.some((store) => linked.includes(`fn ${nameInSlot(slot, store)}(`))) return linked;
    return linked.replace(`var<storage, read_write> ${slot}:`, `var<storage, read> ${slot}:`);
  }, code);
}
