/** Makes the WGSL modules through which kernels access their operands: `inp::load(i)`, `out::store(i, v)`. */
import { type FormatId, formatInfo, preludeSource } from '../precision/formats.ts';
import type { ScaleKind } from '../precision/storage.ts';
import type { SlotStorage } from './operation.ts';

/** Binding number of the first slot. Bindings that kernels declare themselves have lower numbers. */
const FIRST_BINDING = 16;

/** Functions of a slot through which all stores go. A linked kernel contains one of them if it stores to the slot. */
const STORES = ['storeCodes', 'storeInverses'];

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
  const [prelude, scales] = storage.split('/') as [string, string?];
  const { file, constants } = preludeSource(prelude);
  const { constants: ofScales, files } =
    scales === undefined ? { constants: {}, files: ['elements'] } : scaledAccess(prelude, scales);
  const declared = Object.entries({ ...constants, ...ofScales });
  return [
    sourceOf(`formats/${file}`),
    ...declared.map(([name, value]) => `const ${name} = ${value};`),
    ...files.map((access) => sourceOf(`slots/${access}`)),
  ].join('\n');
}

/** `SCALE_KIND` of shaders/slots/scaled.wgsl. */
const KIND_NUMBERS: Readonly<Record<ScaleKind, number>> = { pow2: 0, f32: 0, e8m0: 1, e4m3: 2 };

/** Files of shaders/slots/ for an operand with scales, and their constants. */
function scaledAccess(
  prelude: string,
  scales: string,
): { readonly files: readonly string[]; readonly constants: Record<string, string> } {
  const [, kind, first, as] = /^(columns|tiles)?(\d+|\d+x\d+of\d+|outer):(\w+)$/.exec(scales)!;
  // The preludes of formats that are so narrow are called as the formats are.
  const vectorBits = 32 * formatInfo(prelude as FormatId).bytes;
  const constants = {
    SCALE_KIND: `${KIND_NUMBERS[as as ScaleKind]}u`,
    IS_POWER: `${as === 'pow2' || as === 'e8m0'}`,
    VECTOR_BITS: `${vectorBits}u`,
  };
  if (first === 'outer') return { files: ['scaled', 'outer'], constants };
  if (kind === 'tiles')
    return { files: ['scaled', 'tiles'], constants: { ...constants, ...tileConstants(first!) } };
  const vectors = `${Number(first) / 4}u`;
  return kind === 'columns'
    ? { files: ['scaled', 'columns'], constants: { ...constants, COLUMNS4: vectors } }
    : { files: ['scaled', 'blocks'], constants: { ...constants, BLOCK4: vectors } };
}

/** Those of shaders/slots/tiles.wgsl. @param tiles such as `16x1of768` */
function tileConstants(tiles: string): Record<string, string> {
  const [rows, columns, width] = tiles.match(/\d+/g)!.map(Number) as [number, number, number];
  return {
    TILE_ROWS: `${rows}u`,
    IS_COLUMN: `${columns === 1}`,
    TILE4: `${Math.max(1, columns / 4)}u`,
    TILES: `${Math.ceil(width / columns)}u`,
    WIDTH4: `${width / 4}u`,
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
