/** Reads what RADV writes about a pipeline: its statistics, its listing with loops, and the workgroup of its SPIR-V. */

export interface Instruction {
  /** Without what follows its operands: `v_fma_f32`; two joined by `::` where they are issued together. */
  readonly text: string;
  /** The first word, without the suffix of its encoding: `v_add_f32` of `v_add_f32_e32`. */
  readonly name: string;
}

/** Instructions from `first` up to `end`: a jump back ends there. */
export interface Loop {
  readonly label: string;
  readonly first: number;
  readonly end: number;
  /** How often it runs each time that it is reached, where the listing says so. */
  readonly trips: number | null;
}

export interface Program {
  readonly instructions: readonly Instruction[];
  /** Outer loops before those inside. */
  readonly loops: readonly Loop[];
}

export interface Statistics {
  readonly subgroup: number;
  readonly vgprs: number;
  readonly sgprs: number;
  readonly spilledVgprs: number;
  readonly spilledSgprs: number;
  readonly scratchBytes: number;
  readonly ldsBytes: number;
  /** Waves that a SIMD holds at once. */
  readonly waves: number;
}

/** @throws RangeError where a number is missing: this Mesa calls it otherwise */
export function readStatistics(text: string): Statistics {
  const numberOf = (name: string): number => {
    const value = new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1];
    if (value === undefined) throw new RangeError(`RADV's statistics have no "${name}":\n${text}`);
    return Number(value);
  };
  return {
    subgroup: numberOf('Subgroup size'),
    vgprs: numberOf('VGPRs'),
    sgprs: numberOf('Pre-Sched SGPRs'),
    spilledVgprs: numberOf('Spilled VGPRs'),
    spilledSgprs: numberOf('Spilled SGPRs'),
    scratchBytes: numberOf('Scratch size'),
    ldsBytes: numberOf('LDS size'),
    waves: numberOf('Subgroups per SIMD'),
  };
}

const LABEL = /^(BB\d+):/;
const BRANCH = /^s_c?branch\w*\s+(BB\d+)/;

export function readProgram(listing: string): Program {
  const instructions: Instruction[] = [];
  const labels = new Map<string, number>();
  for (const line of listing.split('\n')) {
    const text = line.split(';')[0]!.trim();
    const label = LABEL.exec(text)?.[1];
    if (label) labels.set(label, instructions.length);
    else if (/^[a-z]/.test(text)) instructions.push({ text, name: nameOf(text) });
  }
  return { instructions, loops: loopsOf(instructions, labels) };
}

function nameOf(text: string): string {
  return text.split(/\s/)[0]!.replace(/_e(32|64)(?=$|_)/, '');
}

/** From each label that is jumped back to, up to the last such jump. */
function loopsOf(instructions: readonly Instruction[], labels: ReadonlyMap<string, number>): Loop[] {
  const loops = new Map<string, { first: number; end: number }>();
  for (const [index, { text }] of instructions.entries()) {
    const label = BRANCH.exec(text)?.[1];
    const first = label === undefined ? undefined : labels.get(label);
    if (first !== undefined && first <= index) loops.set(label!, { first, end: index + 1 });
  }
  return [...loops]
    .map(([label, { first, end }]) => ({ label, first, end, trips: tripsOf(instructions, first, end) }))
    .sort((a, b) => a.first - b.first || b.end - a.end);
}

/** Loops of unknown length end at MAX_TRIPS of their shader at the latest, which says nothing about how often they run. */
const GUARD = 2 ** 16;

/**
 * Of a loop that counts in a scalar register from a constant to a constant. Comparisons at its head leave it; others inside do
 * not count.
 */
function tripsOf(instructions: readonly Instruction[], first: number, end: number): number | null {
  const body = instructions.slice(first, end).map(({ text }) => text);
  const head = body.slice(0, 1 + body.findIndex((text) => text.startsWith('s_cbranch')));
  for (const text of head) {
    const [, counter, limit] = /^s_cmpk?_(?:ge|eq|lg|gt)_[iu]32 (s\d+), (\w+)$/.exec(text) ?? [];
    if (!counter || !isConstant(limit!)) continue;
    const step = constantAfter(
      body,
      new RegExp(`^s_add(?:k_i32 ${counter}|_[iu]32 ${counter}, ${counter}), (\\w+)$`),
    );
    const before = instructions.slice(0, first).map(({ text }) => text);
    const start = constantAfter(before, new RegExp(`^s_mov(?:_b32|k_i32) ${counter}, (\\w+)$`));
    if (!step || start === null) continue;
    const trips = Math.ceil((Number(limit) - start) / step);
    if (trips > 0 && trips < GUARD) return trips;
  }
  return null;
}

/** Of the last line that matches; null where it is no constant, or there is none. */
function constantAfter(lines: readonly string[], pattern: RegExp): number | null {
  const value = lines.findLast((line) => pattern.test(line))?.match(pattern)?.[1];
  return value !== undefined && isConstant(value) ? Number(value) : null;
}

function isConstant(operand: string): boolean {
  return /^-?(0x[0-9a-f]+|\d+)$/.test(operand);
}

const MAGIC = 0x07230203;
const OP_EXECUTION_MODE = 16;
const LOCAL_SIZE = 17;

/** Invocations of a workgroup, as the entry point of a SPIR-V module says. @throws RangeError where it does not */
export function workgroupSize(spirv: Uint8Array): number {
  const words = new DataView(spirv.buffer, spirv.byteOffset, spirv.byteLength);
  const word = (index: number): number => words.getUint32(4 * index, true);
  const count = spirv.byteLength / 4;
  if (count < 5 || word(0) !== MAGIC) throw new RangeError('This is no SPIR-V module');
  for (let at = 5; at < count; ) {
    const [length, operation] = [word(at) >>> 16, word(at) & 0xffff];
    if (operation === OP_EXECUTION_MODE && word(at + 2) === LOCAL_SIZE) {
      return word(at + 3) * word(at + 4) * word(at + 5);
    }
    if (length === 0) break;
    at += length;
  }
  throw new RangeError('The SPIR-V module says no workgroup size');
}
