/** The report as Markdown. */
import type { Report } from './report.ts';
import { type CompiledRow, isCompiled, type Row } from './rows.ts';

const HEADER = [
  'kernel',
  'dispatches',
  'VGPRs',
  'SGPRs',
  'spilled',
  'waves a SIMD',
  'shared memory',
  'FMA share',
  'bound',
  'limited by',
];

/** A table for each family and group. */
export function reportTables(rows: readonly Row[]): string {
  const sections = new Map<string, Row[]>();
  for (const row of rows) {
    const title = `${row.family}, ${row.group}`;
    sections.set(title, [...(sections.get(title) ?? []), row]);
  }
  return [...sections].map(([title, all]) => `### ${title}\n\n${table(all)}`).join('\n\n');
}

function table(rows: readonly Row[]): string {
  const names = namesOf(rows);
  const shown = rows.filter((row) => !isMinor(row));
  const sorted = shown.toSorted((a, b) => names.get(a)!.localeCompare(names.get(b)!));
  const lines = markdownTable(
    HEADER,
    sorted.map((row) => [names.get(row)!, ...cells(row)]),
  );
  const minor = rows.length - shown.length;
  return minor > 0 ? `${lines}\n\nNot listed: ${minor} kernels that move memory and spill nothing.` : lines;
}

/** Of another trainer, which has a hundred of them. */
function isMinor(row: Row): boolean {
  return (
    isCompiled(row) && row.flops === null && row.dispatches !== null && !row.computes && spills(row) === '0'
  );
}

export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The kernel with the traits that tell it from others: a condition that not all have, or a value that differs. */
export function namesOf(rows: readonly Row[]): Map<Row, string> {
  return new Map(
    rows.map((row) => {
      const siblings = rows.filter(({ kernel }) => kernel === row.kernel);
      const own = row.traits.filter((trait) => siblings.some(({ traits }) => tellsApart(trait, traits)));
      return [row, [row.kernel, ...own].join(' ')];
    }),
  );
}

function tellsApart(trait: string, others: readonly string[]): boolean {
  if (others.includes(trait)) return false;
  const [name, value] = trait.split('=');
  return value === undefined || others.some((other) => other.startsWith(`${name}=`));
}

function cells(row: Row): string[] {
  const dispatches = row.dispatches === null ? '' : String(row.dispatches);
  if (!isCompiled(row))
    return [dispatches, ...Array(7).fill(''), `does not compile: ${row.failure.split('\n')[0]}`];
  return [
    dispatches,
    String(row.vgprs),
    String(row.sgprs),
    spills(row),
    String(row.waves),
    row.ldsBytes > 0 ? `${(row.ldsBytes / 1024).toFixed(1)} KiB` : '0',
    percent(row.fmaShare),
    boundText(row),
    row.computes ? row.limitedBy : memoryText(row),
  ];
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

export function spills({ spilledVgprs, spilledSgprs }: CompiledRow): string {
  if (spilledVgprs + spilledSgprs === 0) return '0';
  return [spilledVgprs && `**${spilledVgprs} VGPRs**`, spilledSgprs && `**${spilledSgprs} SGPRs**`]
    .filter(Boolean)
    .join(', ');
}

export function boundText({ computes, bound, unit }: CompiledRow): string {
  if (!computes) return 'memory';
  return unit === 'WMMA' ? `${percent(bound)} of WMMA` : percent(bound);
}

function memoryText({ bytes, hot }: CompiledRow): string {
  const bound = bytes === null ? '' : `${(bytes / 2 ** 20).toFixed(1)} MiB bound a step, `;
  const accesses = hot.counts.vmem;
  const width =
    accesses > 0 ? `${(hot.vmemBytes / accesses).toFixed(0)} B an access` : 'no access in its loop';
  return `memory: ${bound}${width}`;
}

/** One line about what made a report. */
export function aboutReport({
  compiler,
  commit,
  date,
}: Pick<Report, 'compiler' | 'commit' | 'date'>): string {
  return `\`npm run gpu:report\`: commit ${commit}, ${compiler}, ${date}. Compiled, not run: bounds are a model's (docs/kernels.md).`;
}
