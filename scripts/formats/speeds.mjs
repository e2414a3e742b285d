/** The table of docs/ with the speed of every mode, from what `npm run bench -- --only roofline,step --shapes a --json FILE` wrote. */

const REFERENCE = 'fp32';
/** Of each run, before the clock starts. */
const WARM_UP_STEPS = 5;

/**
 * @param bench the file that the benchmark wrote, parsed
 * @returns the file, the columns and the rows; a mode that did not end its run has none
 */
export function speedTable({ step }) {
  const runs = Object.entries(step).flatMap(([name, run]) =>
    run?.tokensPerSec ? [[modeOf(name), run]] : [],
  );
  const reference = runs.find(([mode]) => mode === REFERENCE);
  if (!reference) throw new Error(`the benchmark has no run of ${REFERENCE}`);
  const [, { tokensPerSec: slowness }] = reference;
  return {
    file: 'docs/choosing.md',
    columns: [
      'speed on lavapipe',
      'tokens/s',
      `times \`${REFERENCE}\``,
      'ms per step',
      'timed steps',
      'memory, MiB',
    ],
    rows: runs.map(([mode, { tokensPerSec, msPerStep, steps, memory }]) => [
      `\`${mode}\``,
      Math.round(tokensPerSec).toLocaleString('en-US'),
      (tokensPerSec / slowness).toFixed(2),
      msPerStep.toFixed(0),
      String(steps - WARM_UP_STEPS),
      (memory.total / 2 ** 20).toFixed(1),
    ]),
  };
}

/** `a fp32` is the shape and the mode. */
function modeOf(name) {
  return name.slice(name.indexOf(' ') + 1);
}
