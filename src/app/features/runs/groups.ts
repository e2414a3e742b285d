import type { RunRecord } from '../../../store/history/record.ts';

/** Groups neighbours that began with one press of Train, by the id of the first of them. Runs alone are in no group. */
export function groupsOf(sorted: readonly RunRecord[]): ReadonlyMap<string, readonly RunRecord[]> {
  const groups = new Map<string, readonly RunRecord[]>();
  for (let first = 0, next = 0; first < sorted.length; first = next) {
    while (next < sorted.length && sorted[next]!.start === sorted[first]!.start) next += 1;
    if (next - first > 1) groups.set(sorted[first]!.id, sorted.slice(first, next));
  }
  return groups;
}
