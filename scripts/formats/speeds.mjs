/** The table of docs/ with the speed of every mode, from what `npm run bench -- --only turns --shapes a --json FILE` wrote. */

const REFERENCE = 'fp32';

/**
 * @param bench the file that the benchmark wrote, parsed
 * @returns the file, the columns and the rows; a mode that did not end its run has none
 */
export function speedTable({ turns }) {
  const runs = Object.entries(turns).flatMap(([name, run]) => (run ? [[modeOf(name), run]] : []));
  if (runs[0]?.[0] !== REFERENCE) throw new Error(`the modes were not measured in turns with ${REFERENCE}`);
  return {
    file: 'docs/choosing.md',
    columns: [
      'speed on lavapipe',
      'tokens/s',
      `tokens/s of \`${REFERENCE}\` in its turns`,
      `times \`${REFERENCE}\``,
      '95 % interval',
      'memory, MiB',
    ],
    rows: runs.map(([mode, { tokensPerSec, msPerStep, pairs, faster, interval, memoryBytes }]) => [
      `\`${mode}\``,
      ...[msPerStep, median(pairs.map(([referenceMs]) => referenceMs))].map((ms) =>
        Math.round((tokensPerSec * msPerStep) / ms).toLocaleString('en-US'),
      ),
      faster.toFixed(2),
      interval.map((times) => times.toFixed(2)).join(' to '),
      (memoryBytes / 2 ** 20).toFixed(1),
    ]),
  };
}

/** `a fp32` is the shape and the mode. */
function modeOf(name) {
  return name.slice(name.indexOf(' ') + 1);
}

/** Of an odd number of values. */
function median(values) {
  return values.toSorted((a, b) => a - b)[(values.length - 1) / 2];
}
