/** Makes the rows of a report, and reads and writes them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AdapterReport, candidateTargets, EngineError } from '../../src/engine/index.ts';
import { Compiler, type Outcome } from './compiler.ts';
import type { Family } from './families.ts';
import type { ReportOptions } from './options.ts';
import { type Kernel, type Row, rowOf } from './rows.ts';
import { filtered } from './targets.ts';
import { groupName, kernelsOfFile, kernelsOfStep } from './variants.ts';

export interface Report {
  /** The compiler: Mesa's version, as the driver says it. */
  readonly compiler: string;
  readonly commit: string;
  /** As 2026-11-30. */
  readonly date: string;
  readonly rows: readonly Row[];
}

/** Kernels by the group that they stand in. */
export type Groups = ReadonlyMap<string, readonly Kernel[]>;

/** What the options name, and `others` beside. */
export async function groupsOf(
  { wgsl, config, title, precisions, filter }: ReportOptions,
  report: AdapterReport,
  others: Groups,
): Promise<Groups> {
  if (wgsl.length > 0) return new Map([['WGSL', wgsl.flatMap(kernelsOfFile)], ...others]);
  const targets = filtered(candidateTargets(report, 'auto'), filter);
  const groups = new Map<string, Kernel[]>();
  for (const precision of precisions) {
    const kernels = await kernelsOfStep({ ...config, precision }, targets, report.limits);
    groups.set(groupName(title, precision), kernels);
  }
  return new Map([...groups, ...others]);
}

/**
 * Compiles for a family and measures. Equal WGSL of several groups is compiled once.
 * @throws EngineError NO_ADAPTER where RADV's null device is missing
 */
export async function rowsFor(
  root: string,
  family: Family,
  groupsOn: (report: AdapterReport) => Promise<Groups>,
  onOutcome: (group: string, kernel: Kernel, outcome: Outcome) => void = () => undefined,
): Promise<{ compiler: string; rows: Row[] }> {
  const compiler = await Compiler.open(root, family);
  try {
    const groups = await groupsOn(compiler.report);
    const sources = new Map(
      [...groups.values()].flat().map((kernel) => [kernel.entryPoint + kernel.code, kernel]),
    );
    const outcomes = await compiler.compile([...sources.values()]);
    const outcomeOf = new Map([...sources.keys()].map((key, index) => [key, outcomes[index]!]));
    const rows = [...groups].flatMap(([group, kernels]) =>
      kernels.map((kernel) => {
        const outcome = outcomeOf.get(kernel.entryPoint + kernel.code)!;
        onOutcome(group, kernel, outcome);
        return rowOf(family, group, kernel, outcome);
      }),
    );
    return { compiler: compiler.report.description, rows };
  } finally {
    compiler.close();
  }
}

/** Writes WGSL, listing and statistics of each kernel into a folder. */
export function keeper(
  folder: string,
  family: Family,
): (group: string, kernel: Kernel, outcome: Outcome) => void {
  let number = 0;
  return (group, { key, kernel, code }, outcome) => {
    const path = join(folder, family, group.replaceAll(/\W+/g, '-'));
    mkdirSync(path, { recursive: true });
    const write = (ending: string, text: string): void =>
      writeFileSync(join(path, `${kernel}.${number}.${ending}`), text);
    number += 1;
    write('wgsl', `// ${key}\n${code}`);
    if ('failure' in outcome) write('failure', outcome.failure);
    else {
      write('stats', outcome.listing.statistics);
      write('asm', outcome.listing.assembly);
    }
  };
}

/** @throws EngineError BAD_VALUE where the file is no report */
export function readReport(path: string): Report {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
    if (Array.isArray(report.rows)) return report;
    throw new RangeError('it has no rows');
  } catch (cause) {
    throw new EngineError(
      'BAD_VALUE',
      `${path} is no report of this program: ${cause instanceof Error ? cause.message : String(cause)}`,
      'Give a file that --json wrote.',
      { cause },
    );
  }
}
