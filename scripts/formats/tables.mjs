/** The tables that docs/ has of the cells. A table is known by its head, which is its first line in the document. */
import { cellName, GROUPS, HOT_FORMATS, STABILISERS } from './cells.mjs';

const MISSING = 'not trained yet';

/**
 * @param results finished cells by name
 * @returns for each table: the file, the columns and the rows
 */
export function tablesOf(results) {
  return [
    ...['int8', 'int8-all'].map((group) => lossTable('docs/int8.md', group, 'fp32', results)),
    lossTable('docs/block-scales.md', 'blocks', 'fp32', results, ['nvfp4']),
    lossTable('docs/block-scales.md', 'four', 'fp32', results, ['nvfp4']),
    ...['moments', 'moments-tuned', 'smooth'].map((group) =>
      lossTable('docs/fp8-long-runs.md', group, GROUPS[group].arms[0], results),
    ),
    ...['progressive', 'constant', 'noise'].map((group) =>
      lossTable('docs/progressive.md', group, GROUPS[group].arms[0], results),
    ),
    lossTable('docs/pure-f16.md', 'pure', 'fp16', results),
    lossTable('docs/optimizer.md', 'masters', 'fp32', results),
    lossTable('docs/optimizer.md', 'muon-rates', GROUPS.muon.arms[0], results),
    stepTable('docs/optimizer.md', 'muon', results),
    ...['costs', 'modes'].map((group) => lossTable('docs/choosing.md', group, 'fp32', results)),
    hotTable('hot', ['nothing'], results),
    hotTable('hotter', Object.keys(STABILISERS), results),
  ];
}

/** The loss of each arm of a group, and what it is above that of other arms from the same seed. */
function lossTable(file, group, reference, results, others = []) {
  const { title, arms, bench, seeds } = GROUPS[group];
  const of = (arm) => seeds.flatMap((seed) => results.get(cellName({ bench, arm, seed })) ?? []);
  const costs = arms.some((arm) => of(arm).some(({ simulatedCost }) => simulatedCost !== undefined));
  const against = [reference, ...others];
  return {
    file,
    columns: [
      title,
      seeds.length > 1 ? `validation loss, mean of ${seeds.length} seeds` : 'validation loss',
      ...against.map((arm) => `to \`${titleOf(arm)}\``),
      ...(costs ? ['simulated cost'] : []),
    ],
    rows: arms.map((arm) => {
      const cells = of(arm);
      return [
        `\`${titleOf(arm)}\``,
        lossText(cells, seeds.length),
        ...against.map((other) => (other === arm ? '' : differenceText(cells, of(other)))),
        ...(costs ? [costText(cells)] : []),
      ];
    }),
  };
}

/** The losses of each arm's seeds, and their mean, at each step at which all runs of a group were evaluated. */
function stepTable(file, group, results) {
  const { title, arms, bench, seeds } = GROUPS[group];
  const runs = arms.map((arm) => seeds.flatMap((seed) => results.get(cellName({ bench, arm, seed })) ?? []));
  const steps = runs.flat()[0]?.evaluations.map(({ step }) => step) ?? [];
  const lossesAt = (step) =>
    runs.map((cells) => cells.map(({ evaluations }) => evaluations.find((one) => one.step === step).loss));
  return {
    file,
    columns: [title, ...arms.flatMap((arm) => [`\`${titleOf(arm)}\``, 'mean'])],
    rows: steps.map((step) => [
      String(step),
      ...lossesAt(step).flatMap((losses) => [
        losses.map((loss) => loss.toFixed(3)).join(', ') || MISSING,
        losses.length > 0 ? (losses.reduce((sum, loss) => sum + loss, 0) / losses.length).toFixed(3) : '',
      ]),
    ]),
  };
}

/** Stabilisers by formats at a learning rate that is too high. */
function hotTable(group, stabilisers, results) {
  const { title, bench, seeds } = GROUPS[group];
  return {
    file: 'docs/stability.md',
    columns: [title, ...HOT_FORMATS.map((mode) => `\`${mode}\``)],
    rows: stabilisers.map((stabiliser) => [
      stabiliser,
      ...HOT_FORMATS.map((mode) => {
        const arm = `${mode}${STABILISERS[stabiliser]}`;
        const cells = seeds.flatMap((seed) => results.get(cellName({ bench, arm, seed })) ?? []);
        return lossText(cells, seeds.length);
      }),
    ]),
  };
}

/** An arm as options: the mode alone, or with what follows it on the command line. */
export function titleOf(arm) {
  const [mode, ...settings] = arm.split('+');
  return [mode, ...settings.map((setting) => `--${setting.replace('=', ' ')}`)].join(' ');
}

/** "2.3010", with what ended a run before its last step, and how many of the seeds are finished if not all are. */
export function lossText(cells, seeds) {
  if (cells.length === 0) return MISSING;
  const stopped = cells.find((cell) => cell.stopped);
  if (stopped) return `stops at step ${stopped.steps}`;
  if (cells.some(({ loss }) => loss === null)) return 'not finite';
  const mean = cells.reduce((sum, { loss }) => sum + loss, 0) / cells.length;
  const skipped = cells.reduce((sum, { skippedSteps }) => sum + skippedSteps, 0);
  const notes = [
    ...(cells.length < seeds ? [`${cells.length} of ${seeds}`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ];
  return `${mean.toFixed(4)}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`;
}

/** "+0.0001", or "-0.0002 to +0.0008" over seeds that both have. */
export function differenceText(cells, others) {
  const pairs = cells.flatMap((cell) => {
    const other = others.find(({ seed }) => seed === cell.seed);
    const both = other && [cell, other].every(({ loss, stopped }) => loss !== null && !stopped);
    return both ? [cell.loss - other.loss] : [];
  });
  const texts = [...new Set([Math.min(...pairs), Math.max(...pairs)].map(signed))];
  return pairs.length > 0 ? texts.join(' to ') : '';
}

function signed(value) {
  const text = Math.abs(value).toFixed(4);
  if (Number(text) === 0) return text;
  return `${value < 0 ? '-' : '+'}${text}`;
}

/** The mean of the seeds. */
function costText(cells) {
  const costs = cells.flatMap(({ simulatedCost }) => simulatedCost ?? []);
  if (costs.length === 0) return '';
  return `${((100 * costs.reduce((sum, cost) => sum + cost, 0)) / costs.length).toFixed(2)} %`;
}

/**
 * A document with one of its tables written anew.
 * @throws Error when no line, or more than one, is the head of the table
 */
export function withTable(document, { file, columns, rows }) {
  const lines = document.split('\n');
  const [first] = columns;
  const heads = lines.flatMap((text, i) => (text.startsWith(`| ${first} |`) ? [i] : []));
  if (heads.length !== 1)
    throw new Error(`${file} has ${heads.length} tables whose first column is "${first}": it must have one`);
  const start = heads[0];
  const length = lines.slice(start).findIndex((text) => !text.startsWith('|'));
  const table = linesOf({ columns, rows });
  lines.splice(start, length === -1 ? lines.length - start : length, ...table);
  return lines.join('\n');
}

function linesOf({ columns, rows }) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)];
}

/** All tables in one text, with the adapters, dates and commits of the cells. */
export function markdownOf(results) {
  const all = (name) => [...new Set([...results.values()].flatMap((cell) => cell[name] ?? []))].join(', ');
  const where = `Measured on ${all('adapter')} (${all('date')}; commits ${all('commit')}).`;
  return `${[where, ...tablesOf(results).map((table) => linesOf(table).join('\n'))].join('\n\n')}\n`;
}
