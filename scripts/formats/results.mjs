/** The file of finished cells, and what a run's `--json` lines say of it. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cellName } from './cells.mjs';

const FORMAT = 'halfstep-formats';
/** Mean training losses of so many equal parts of a run are kept. */
const PARTS = 10;

/**
 * @param path of a file that need not exist
 * @returns the finished cells by name
 * @throws Error when the file is something else
 */
export function readResults(path) {
  if (!existsSync(path)) return new Map();
  const { format, cells } = JSON.parse(readFileSync(path, 'utf8'));
  if (format !== FORMAT)
    throw new Error(`"${path}" is not a file of results: it has no "format": "${FORMAT}"`);
  return new Map(cells.map((cell) => [cellName(cell), cell]));
}

/** Writes the file whole or not at all. Cells that another process has added since are kept. */
export function addResult(path, cell) {
  const cells = readResults(path).set(cellName(cell), cell);
  // A line for each cell, so that a new one is a line of a difference.
  const lines = [...cells.values()].map((one) => JSON.stringify(one));
  const text = `{"format":"${FORMAT}","cells":[\n${lines.join(',\n')}\n]}\n`;
  writeFileSync(`${path}.part`, text);
  renameSync(`${path}.part`, path);
}

/**
 * @param text checksum of the text on which cells are about to be trained
 * @throws Error when the file has cells of another one
 */
export function checkText(cells, text, path) {
  const other = [...cells.values()].find((cell) => cell.text !== undefined && cell.text !== text);
  if (other)
    throw new Error(
      `"${path}" has cells of another text (${other.text}, and this one is ${text}): give the same --data, or another --results`,
    );
}

/**
 * What a run says of itself.
 * @param lines of `train --json`, parsed
 * @returns null when the run was interrupted or failed before its end
 */
export function recordOf(lines) {
  const summary = lines.findLast(({ type }) => type === 'summary');
  if (!summary) return null;
  const { adapter, valLoss, finalLoss, steps, skippedSteps, lossScale, tokensPerSec, simulatedCost } =
    summary;
  const taken = lines.filter(({ type }) => type === 'step');
  const evaluated = lines.filter(({ type }) => type === 'eval');
  const forced = taken.filter(({ stage }, i) => i > 0 && stage !== taken[i - 1].stage);
  return {
    adapter,
    loss: valLoss ?? null,
    trainingLoss: finalLoss ?? null,
    steps,
    skippedSteps,
    lossScale,
    tokensPerSec: tokensPerSec === null ? null : Math.round(tokensPerSec),
    ...(simulatedCost !== undefined && { simulatedCost }),
    ...(evaluated.length > 1 && {
      evaluations: evaluated.map(({ step, valLoss }) => ({ step, loss: valLoss })),
    }),
    ...(forced.length > 0 && { stages: forced.map(({ step, stage }) => ({ step, stage })) }),
    /** Null where a part has a loss that is not finite. */
    parts: partsOf(taken.map(({ loss }) => loss)),
  };
}

function partsOf(losses) {
  return Array.from({ length: Math.min(PARTS, losses.length) }, (_, i) => {
    const at = (part) => Math.floor((part * losses.length) / PARTS);
    const some = losses.slice(at(i), at(i + 1));
    if (some.length === 0 || some.some((loss) => loss === null)) return null;
    return Number((some.reduce((sum, loss) => sum + loss, 0) / some.length).toFixed(4));
  });
}
