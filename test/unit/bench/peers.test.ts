/** The comparison with other trainers, without a browser. */
import { expect, test } from 'vitest';
import { alternate } from '../../../bench/peers/run.mjs';
import { initialParameters, makeTask, reduceCharacters } from '../../../bench/peers/task.ts';
import { type PeerResult, peerProblems, peerTable, ratioOf } from '../../../src/cli/peerTable.ts';
import { benchShape } from '../../../src/engine/bench/shapes.ts';
import { parameterCount } from '../../../src/engine/model/decoder.ts';

function result(name: string, changes: Partial<PeerResult> = {}): PeerResult {
  return {
    name,
    version: '1.0.0',
    steps: 40,
    losses: { first: 4.2, early: 3.1, last: 2.5 },
    pairs: [],
    error: null,
    ...changes,
  };
}

const baseline = result('halfstep fp32');
const slow = result('slow', {
  pairs: [
    { baseline: 1000, own: 100 },
    { baseline: 500, own: 100 },
    { baseline: 2000, own: 100 },
  ],
});

test('a ratio is the median of what was measured side by side', () => {
  expect(ratioOf(slow)).toEqual({ median: 0.1, low: 0.05, high: 0.2 });
  expect(ratioOf(baseline)).toBeNull();
  const lines = peerTable({ shape: 'a', adapter: 'x', results: [baseline, slow] }).split('\n');
  expect(lines[2]).toMatch(/^halfstep fp32 1\.0\.0 +1,000 +4\.2000 +3\.1000 +2\.5000 +40$/);
  expect(lines[3]).toMatch(/^slow 1\.0\.0 +100 +0\.100 \(0\.050 to 0\.20\) +4\.2000/);
});

test('a failed implementation is named with its reason, and the others keep their figures', () => {
  const failed = result('absent', {
    version: null,
    steps: 0,
    losses: { first: null, early: null, last: null },
    error: 'the package is not installed',
  });
  const shape = { shape: 'a', adapter: 'x', results: [baseline, failed, slow] };
  expect(peerProblems(shape)).toEqual(['peers a absent: the package is not installed']);
  const table = peerTable(shape);
  expect(table).toMatch(/^absent \(not installed\) +failed +0$/m);
  expect(table).toContain('0.100');
});

test('a loss that does not fall, or is not the one of the same training, makes a row worthless', () => {
  const stuck = result('stuck', { losses: { first: 4.2, early: 4.2, last: 4.2 } });
  const broken = result('broken', { losses: { first: 4.2, early: null, last: null } });
  const other = result('other', { losses: { first: 4.2, early: 3.3, last: 2.2 } });
  expect(peerProblems({ shape: 'b', adapter: 'x', results: [baseline, stuck, broken, other] })).toEqual([
    'peers b stuck: the loss did not fall (4.2000 to 4.2000).',
    'peers b broken: the loss did not fall (4.2000 to not finite).',
    'peers b other: the loss after warm-up is 3.3000, but that of halfstep fp32 is 3.1000.',
  ]);
});

test('stretches alternate with the baseline, and a failed one does not stop the others', async () => {
  const order: string[] = [];
  const entrant = (name: string, failsAt = Number.POSITIVE_INFINITY) => {
    let calls = 0;
    return {
      name,
      train: async () => {
        order.push(name);
        if (++calls === failsAt) throw new Error(`${name} crashed\nat a place`);
        return calls;
      },
    };
  };
  const outcome = await alternate(entrant('ours'), [entrant('x'), entrant('y', 2)], 3);
  expect(order.join(' ')).toBe('ours x ours y x ours y ours ours x');
  expect(outcome).toEqual({
    x: {
      pairs: [
        { baseline: 1, own: 1 },
        { baseline: 3, own: 2 },
        { baseline: 5, own: 3 },
      ],
      error: null,
    },
    y: { pairs: [{ baseline: 2, own: 1 }], error: 'y crashed' },
  });
  const withoutBaseline = await alternate(entrant('ours', 2), [entrant('x'), entrant('y')], 3);
  expect(withoutBaseline).toEqual({
    x: { pairs: [{ baseline: 1, own: 1 }], error: 'ours: ours crashed' },
    y: { pairs: [], error: 'ours: ours crashed' },
  });
});

test('every implementation gets the same model, unpadded, and a vocabulary of 65 characters', () => {
  const letters = Array.from({ length: 80 }, (_, i) => String.fromCharCode(0x30 + i));
  const text = letters.map((letter, i) => letter.repeat(100 - i)).join('');
  expect([...new Set(reduceCharacters(text, 65))]).toEqual([...letters.slice(0, 65), ' ']);
  const withSpaces = `${' '.repeat(200)}${text}`;
  const task = makeTask(benchShape('a'), withSpaces);
  expect(task.gpt.vocabulary).toBe(65);
  const parameters = initialParameters(task);
  expect(parameters[0]).toMatchObject({ name: 'wte.weight', shape: [65, 128] });
  for (const { shape, values } of parameters) {
    expect(values.length).toBe(shape.reduce((size, side) => size * side, 1));
  }
  const count = parameters.reduce((sum, { values }) => sum + values.length, 0);
  expect(count).toBe(parameterCount(task.gpt));
});
