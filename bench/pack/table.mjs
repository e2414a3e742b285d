/** The table of the packed benchmark. It is written again after each cell, so that a run that is stopped leaves its figures. */
import { renameSync, writeFileSync } from 'node:fs';

/** @typedef {{ name: string, state: 'waiting' | 'measured' | 'failed' | 'stopped' | 'no time', json: object }} Cell */

/** What a cell without figures says in place of them. */
const STATES = {
  waiting: 'not measured yet',
  measured: 'no figures',
  failed: 'failed: see the output above',
  stopped: 'stopped before it had figures',
  'no time': 'not measured: the time was over',
};

const tera = (value) => (value / 1e12).toPrecision(3);
const percent = (share) => (share === null || share === undefined ? '' : `${(100 * share).toFixed(1)} %`);

/** Rows of what a cell measured, of all stages. @param {Record<string, any>} json as `bench --json` writes it */
function figuresOf(json) {
  const { roofline, step = {}, kernels = {} } = json;
  return [
    ...(roofline ? [['f32 peak', `${tera(roofline.peakFlops)} TFLOP/s`, '']] : []),
    ...(roofline ? [['copy bandwidth', `${(roofline.copyBytesPerSec / 1e9).toPrecision(3)} GB/s`, '']] : []),
    ...Object.entries(step).map(([name, figures]) =>
      figures
        ? [`step ${name}`, `${Math.round(figures.tokensPerSec)} tokens/s`, percent(figures.mfu)]
        : [`step ${name}`, 'failed', ''],
    ),
    ...Object.entries(kernels).map(([name, figures]) => {
      const ms = figures && Object.values(figures.phases).reduce((sum, one) => sum + one, 0);
      return [`kernels ${name}`, figures ? `${ms.toFixed(1)} ms of all phases` : 'failed', ''];
    }),
  ];
}

/**
 * The table as Markdown: adapter with its driver, runtime and date, then a row for each figure and for each cell without one.
 * @param {readonly Cell[]} cells
 * @param {readonly (readonly string[])[]} comparison rows of ratioRows, with their header; empty without PyTorch
 */
export function packTable(cells, comparison = []) {
  const { adapter, runtime, date } = cells.find(({ json }) => 'adapter' in json)?.json ?? {};
  const rows = cells.flatMap(({ name, state, json }) => {
    const figures = figuresOf(json);
    if (figures.length === 0) return [[name, STATES[state], '']];
    return state === 'measured' ? figures : [...figures, [name, `${state} before it was complete`, '']];
  });
  return [
    adapter ? `${adapter}; ${runtime}; ${date}` : 'No adapter was measured yet.',
    '',
    ...markdown(['run', 'measured', 'of the f32 peak'], rows),
    ...(comparison.length > 1 ? ['', ...markdown(comparison[0], comparison.slice(1))] : []),
    '',
  ].join('\n');
}

function markdown(header, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)];
}

/** Replaces a file in one step, so that a process that ends meanwhile leaves the old table or the new one. */
export function writeWhole(path, text) {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
