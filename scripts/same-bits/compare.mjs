/** Compares two runs of the same command: the lines of --json and the tensors of the saved file. */
import { readFileSync } from 'node:fs';

/** The fields of each kind of line that must be equal. Times, speeds and memory may differ. */
const COMPARED = {
  step: {
    loss: 'loss',
    gradNorm: 'gradient norm',
    lossScale: 'loss scale',
    skipped: 'skipped',
    lr: 'learning rate',
  },
  eval: { valLoss: 'validation loss' },
  sharpness: { sharpness: 'sharpness', maxLogit: 'largest logit' },
};

/**
 * @param {{ lines: object[], file: string }} before @param {{ lines: object[], file: string }} after
 * @returns {string[]} one sentence for each difference; empty when every bit is the same
 */
export function differences(before, after) {
  return [...lineDifferences(before.lines, after.lines), ...tensorDifferences(before.file, after.file)];
}

function lineDifferences(before, after) {
  return Object.entries(COMPARED).flatMap(([type, fields]) => {
    const [a, b] = [before, after].map((lines) => lines.filter((line) => line.type === type));
    if (a.length !== b.length) return [`${a.length} ${type} lines before, ${b.length} after`];
    return Object.entries(fields).flatMap(([field, title]) => {
      const first = a.findIndex((line, i) => !Object.is(line[field], b[i][field]));
      return first < 0
        ? []
        : [`${title} from step ${a[first].step}: ${a[first][field]} and ${b[first][field]}`];
    });
  });
}

function tensorDifferences(before, after) {
  const [a, b] = [readTensors(before), readTensors(after)];
  const missing = [...a.keys()].filter((name) => !b.has(name));
  const added = [...b.keys()].filter((name) => !a.has(name));
  const changed = [...a].filter(([name, bytes]) => b.has(name) && !bytes.equals(b.get(name)));
  return [
    ...(missing.length > 0 ? [`saved tensors missing: ${missing.join(', ')}`] : []),
    ...(added.length > 0 ? [`saved tensors added: ${added.join(', ')}`] : []),
    ...(changed.length > 0
      ? [`${changed.length} of ${a.size} saved tensors differ, the first is ${changed[0][0]}`]
      : []),
  ];
}

/** Reads the weights and optimizer states of a safetensors file by name. */
function readTensors(path) {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: _, ...tensors } = JSON.parse(bytes.toString('utf8', 8, start));
  return new Map(
    Object.entries(tensors).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => [
        name,
        Buffer.concat([Buffer.from(`${dtype} ${shape} `), bytes.subarray(start + from, start + to)]),
      ],
    ),
  );
}
