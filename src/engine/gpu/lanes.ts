/** How wide a kernel's workgroup is, and how its lanes exchange values. */
import type { Target, Variant } from './operation.ts';

/** Conditions and constants of a kernel that imports `LANES`, or lib/reduce.wgsl or lib/share.wgsl. */
export type LaneForm = Pick<Variant, 'conditions' | 'constants'>;

/**
 * Returns the form for a workgroup of `lanes` lanes.
 * @param subgroup lanes of every subgroup, which need be neither a multiple nor a part of `lanes`; null for the variant without subgroups
 */
export function laneForm({ subgroup, lanes }: Pick<Target, 'subgroup' | 'lanes'>): LaneForm {
  if (subgroup === null) return { conditions: { subgroups: false }, constants: { LANES: lanes } };
  const share = greatestCommonDivisor(lanes, subgroup);
  return {
    conditions: {
      subgroups: true,
      severalSubgroups: lanes > subgroup,
      sharesPart: share < Math.min(lanes, subgroup),
    },
    constants: { LANES: lanes, SUBGROUP: subgroup, SHARE: share },
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
