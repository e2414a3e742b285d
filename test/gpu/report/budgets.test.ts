/** The budgets of bench/gpu-report/budgets.ts, as RADV's null device compiles the kernels here: no adapter is needed. */
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  BUDGET_FAMILY,
  BUDGET_MESA,
  BUDGET_PRECISIONS,
  BUDGET_PRESETS,
  BUDGETS,
  boundFor,
  SPILLS,
  spilledBy,
} from '../../../bench/gpu-report/budgets.ts';
import { rowsFor } from '../../../bench/gpu-report/report.ts';
import { isCompiled, type Row } from '../../../bench/gpu-report/rows.ts';
import { markdownTable, namesOf, spills } from '../../../bench/gpu-report/table.ts';
import { groupName, kernelsOfStep } from '../../../bench/gpu-report/variants.ts';
import { candidateTargets, presetOf } from '../../../src/engine/index.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

const cases = BUDGET_PRESETS.flatMap((preset) =>
  BUDGET_PRECISIONS.map((precision) => ({ preset, precision, group: groupName(preset, precision) })),
);

let rows: readonly Row[] = [];
/** Budgets are checked with the compiler that they are from. */
let known = false;

beforeAll(async () => {
  const made = await rowsFor(ROOT, BUDGET_FAMILY, async (report) => {
    const targets = candidateTargets(report, 'auto');
    const groups = cases.map(
      async ({ preset, precision, group }) =>
        [
          group,
          await kernelsOfStep({ ...presetOf(preset).config, precision }, targets, report.limits),
        ] as const,
    );
    return new Map(await Promise.all(groups));
  });
  rows = made.rows;
  known = made.compiler.includes(BUDGET_MESA);
  if (!known) {
    console.warn(
      `${made.compiler} is here, and the budgets are of ${BUDGET_MESA}: they are reported and not checked.`,
    );
  }
});

const rowsOf = (group: string): Row[] => rows.filter((row) => row.group === group);

test('every kernel of the steps compiles', () => {
  expect(rows.length).toBeGreaterThan(150);
  expect(rows.filter((row) => !isCompiled(row))).toEqual([]);
});

describe.each(cases)('$group', ({ precision, group }) => {
  test('keeps the bounds of its kernels', () => {
    const budgets = BUDGETS.filter(({ least }) => least[precision] !== undefined);
    const measured = budgets.map((budget) => ({ ...budget, bound: boundFor(budget, rowsOf(group)) }));
    const text = markdownTable(
      ['kernel', 'bound', 'budget', 'goal'],
      measured.map(({ title, bound, least, goal }) => [
        title,
        `${bound?.toFixed(1)} %`,
        `${least[precision]} %`,
        `${goal} %`,
      ]),
    );
    console.log(`${BUDGET_FAMILY}, ${group}\n${text}`);
    expect(measured.filter(({ bound }) => bound === null)).toEqual([]);
    if (!known) return;
    const missed = measured.filter(({ bound, least }) => bound! < least[precision]!);
    expect(missed.map(({ title, bound }) => `${title}: ${bound!.toFixed(1)} %`)).toEqual([]);
  });

  test('spills no registers but where a budget allows it', () => {
    const names = namesOf(rowsOf(group));
    const spilling = rowsOf(group)
      .filter(isCompiled)
      .filter((row) => spilledBy(row) > 0);
    const lines = spilling.map((row) => `${names.get(row)}: ${spills(row)}`);
    console.log(`${BUDGET_FAMILY}, ${group}: ${lines.join('; ') || 'no spills'}`);
    if (!known) return;
    const tooMany = spilling.filter((row) => spilledBy(row) > (SPILLS[row.kernel] ?? 0));
    expect(tooMany.map((row) => names.get(row))).toEqual([]);
  });
});
