/** Entry point of `npm run gpu:report`; see options.ts. */
import { writeFileSync } from 'node:fs';
import { runCommand } from '../../src/cli/runCommand.ts';
import { show } from '../../src/cli/terminal.ts';
import { comparisonTables } from './comparison.ts';
import { HELP, readOptions } from './options.ts';
import { peerKernels } from './peerKernels.ts';
import { groupsOf, keeper, type Report, readReport, rowsFor } from './report.ts';
import type { Kernel, Row } from './rows.ts';
import { aboutReport, reportTables } from './table.ts';

/** run.mjs says where the repository is, and at which commit. */
declare global {
  var gpuReport: { readonly root: string; readonly commit: string };
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null) {
    show(HELP);
    return 0;
  }
  const { markdown, json, compare, keep } = options.files;
  const before = compare === undefined ? undefined : readReport(compare);
  const { root, commit } = globalThis.gpuReport;
  const others = options.peers ? peerKernels(options.peers) : new Map<string, Kernel[]>();
  const rows: Row[] = [];
  let compiler = '';
  for (const family of options.families) {
    const keeping = keep === undefined ? undefined : keeper(keep, family);
    const made = await rowsFor(root, family, (report) => groupsOf(options, report, others), keeping);
    rows.push(...made.rows);
    compiler = made.compiler;
  }
  const report: Report = { compiler, commit, date: new Date().toISOString().slice(0, 10), rows };
  const text = `${[aboutReport(report), before ? comparisonTables(before, report) : reportTables(rows)].join('\n\n')}\n`;
  show(text);
  if (markdown !== undefined) writeFileSync(markdown, text);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report)}\n`);
  return rows.some((row) => 'failure' in row) ? 1 : 0;
}

runCommand(main);
