/** Makes the WGSL modules through which kernels access their operands: `inp::load(i)`, `out::store(i, v)`. */
import { type FormatId, formatInfo, preludeSource } from '../precision/formats.ts';
import type { SlotStorage } from './operation.ts';

/** Binding number of the first slot. Bindings that kernels declare themselves have lower numbers. */
const FIRST_BINDING = 16;

/** Functions of a slot through which all stores go. A linked kernel contains one of them if it stores to the slot. */
const STORES = ['storeCodes', 'storeScales'];

type SourceOf = (path: string) => string;

/**
 * Makes the WGSL module of each slot: the prelude of its format with its constants, and the functions of `shaders/slots/` for a
 * binding with the slot's name.
 * @param sourceOf returns the source of a path below `shaders/`, given without `.wgsl`
 * @throws RangeError if a file is missing
 */
export function slotModules(
  slots: Readonly<Record<string, SlotStorage>>,
  sourceOf: SourceOf,
): Record<string, string> {
  const names = Object.keys(slots).sort();
  return Object.fromEntries(
    names.map((name, i) => {
      const module = moduleOf(slots[name]!, sourceOf)
        .replace(/\bSLOT\b/g, name)
        .replace(/\bBINDING\b/g, String(FIRST_BINDING + i));
      return [name, module];
    }),
  );
}

function moduleOf(storage: SlotStorage, sourceOf: SourceOf): string {
  const [prelude, blocks] = storage.split('/') as [string, string?];
  const { file, constants } = preludeSource(prelude);
  const access = blocks === undefined ? 'elements' : 'blocks';
  const all = { ...constants, ...(blocks !== undefined && blockConstants(prelude, blocks)) };
  const declared = Object.entries(all).map(([name, value]) => `const ${name} = ${value};`);
  return [sourceOf(`formats/${file}`), ...declared, sourceOf(`slots/${access}`)].join('\n');
}

/** Of shaders/slots/blocks.wgsl. */
function blockConstants(prelude: string, blocks: string): Record<string, string> {
  const [block, as] = blocks.split(':') as [string, string];
  // The preludes of formats that are so narrow are called as the formats are.
  const vectorBits = 32 * formatInfo(prelude as FormatId).bytes;
  return {
    BLOCK4: `${Number(block) / 4}u`,
    SCALE_BITS: as === 'e8m0' ? '8u' : '32u',
    VECTOR_BITS: `${vectorBits}u`,
  };
}

/** Name of a declaration of a slot's module in linked WGSL: the binding has the slot's name, all others have it as a prefix. */
export function nameInSlot(slot: string, name: string): string {
  return name === slot ? slot : `${slot}_${name}`;
}

/** Changes the access of slots that the linked kernel only reads to read-only. */
export function withReadOnly(code: string, slots: readonly string[]): string {
  return slots.reduce((linked, slot) => {
    if (STORES.some((store) => linked.includes(`fn ${nameInSlot(slot, store)}(`))) return linked;
    return linked.replace(`var<storage, read_write> ${slot}:`, `var<storage, read> ${slot}:`);
  }, code);
}
