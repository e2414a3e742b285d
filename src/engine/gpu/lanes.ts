/** How wide a kernel's workgroup is, and how its lanes exchange values. */
import type { Target, Variant } from './operation.ts';

/** Conditions and constants of a kernel that imports `LANES`, or lib/reduce.wgsl or lib/share.wgsl. */
export type LaneForm = Pick<Variant, 'conditions' | 'constants'>;

/** Returns the form for workgroups of `lanes` lanes, which need be neither a multiple of a subgroup nor a part of one. */
export function laneForm({
  subgroup,
  asksSubgroup = false,
  lanes,
}: Pick<Target, 'subgroup' | 'asksSubgroup' | 'lanes'>): LaneForm {
  if (subgroup === null) return { conditions: { subgroups: false }, constants: { LANES: lanes } };
  const share = greatestCommonDivisor(lanes, subgroup);
  return {
    conditions: {
      subgroups: true,
      asksSubgroup,
      severalSubgroups: lanes > subgroup,
      sharesPart: share < Math.min(lanes, subgroup),
    },
    constants: { LANES: lanes, SUBGROUP: subgroup, SHARE: share },
  };
}

/** The form of a kernel whose sums have the same bits with and without subgroups: lib/reduce.wgsl adds in a tree. */
export function treeForm(lanes: number): LaneForm {
  return laneForm({ subgroup: null, lanes });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
