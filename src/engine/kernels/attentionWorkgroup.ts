/** How attention is cut into workgroups and lanes: what fits in registers, and which lanes read for each other. */
import { laneForm } from '../gpu/lanes.ts';
import type { Target } from '../gpu/operation.ts';

export interface WorkgroupShape {
  /** Queries or keys of a workgroup. */
  readonly rows: number;
  readonly conditions: Readonly<Record<string, boolean>>;
  readonly constants: Readonly<Record<string, number>>;
}

/** One lane a row. With subgroups, lanes share what they load by shuffles. */
export function registerLanes(target: Target, headSize: number): WorkgroupShape {
  const { conditions, constants } = laneForm(target);
  return { rows: target.lanes, conditions, constants: { ...constants, HEAD4: headSize / 4 } };
}

/** What a lane keeps of a row of D: q and o; q, dout and dq; k, v and dk; k and dv; k, v, dk and dv. */
const ROWS_KEPT = { forward: 2, query: 3, key: 3, value: 2, keyValue: 4 };
/**
 * Numbers of rows that a lane can keep: below the 255 registers of NVIDIA's GPUs and the 256 of AMD's with what else there is.
 * With four rows the compiler keeps more beside them.
 */
const KEPT_NUMBERS = { forward: 192, query: 192, key: 192, value: 192, keyValue: 128 };
/** As many where each lane keeps the keys that it reads too, since not all lanes read the same. */
const KEPT_BESIDE_KEYS = 160;
/** Keys a trip of the forward pass, which share a rescale. Backward has none, and reads each key twice: more would not stay in scalar registers. */
const KEYS = { forward: 8, query: 1, key: 1, value: 1, keyValue: 1 };
/** Lanes that WebGPU guarantees a workgroup. */
const MOST_LANES = 256;

/** A row of a large head is split over as many lanes as keep it in registers. */
export function uniformLanes(target: Target, headSize: number, pass: keyof typeof KEYS): WorkgroupShape {
  const { lanes: rows } = target;
  const vectors = headSize / 4;
  const fits = (parts: number) => {
    const most = parts === 1 || partsAreUniform(target) ? KEPT_NUMBERS[pass] : KEPT_BESIDE_KEYS;
    return (ROWS_KEPT[pass] * headSize) / parts <= most;
  };
  const possible = [1, 2, 3, 4].filter((parts) => vectors % parts === 0 && parts * rows <= MOST_LANES);
  const parts = possible.find(fits) ?? possible.at(-1)!;
  const keys = KEYS[pass];
  return {
    rows,
    conditions: { split: parts > 1, ...(parts > 1 && partConditions(target)) },
    constants: {
      ...{ HEAD4: vectors, ROWS: rows, PARTS: parts, LANES: parts * rows },
      ...(parts > 1 && target.subgroup !== null && partsAreUniform(target) && { SUBGROUP: target.subgroup }),
      ...{ KEYS: keys, SUMS: pass === 'forward' || pass === 'value' ? keys : 2 * keys },
    },
  };
}

/**
 * Returns the dispatches for the gradients of keys and values. Together they compute P once; apart a row needs fewer registers. A
 * row that is split over lanes costs more than a second P: halves then multiply in waves that issue one of them at a time.
 */
export function keyValuePasses(target: Target, headSize: number): readonly ('keyValue' | 'key' | 'value')[] {
  const isWhole = (pass: keyof typeof KEYS) => uniformLanes(target, headSize, pass).constants.PARTS === 1;
  const takesBoth = isWhole('keyValue') || (partsAreUniform(target) && !isWhole('key'));
  return takesBoth ? ['keyValue'] : ['key', 'value'];
}

/** Whether the lanes of a subgroup have the same part of their rows, which lets a compiler read keys once for all of them. */
export function partsAreUniform({ subgroup, lanes }: Target): boolean {
  return subgroup !== null && lanes % subgroup === 0;
}

function partConditions(target: Target): Readonly<Record<string, boolean>> {
  const { asksSubgroup = false } = target;
  return partsAreUniform(target) ? { subgroups: true, asksSubgroup } : {};
}
