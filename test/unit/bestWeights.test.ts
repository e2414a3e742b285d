import { expect, test } from 'vitest';
import {
  type BestSoFar,
  bestWords,
  endsEarly,
  NOT_EVALUATED,
  readBest,
  withEvaluation,
} from '../../src/engine/model/best.ts';
import { lowestWeights } from '../../src/engine/train/metrics.ts';
import { OverfittingWatch } from '../../src/engine/train/overfitting.ts';

const after = (losses: readonly (number | null)[]): BestSoFar =>
  losses.reduce<BestSoFar>((best, loss, i) => withEvaluation(best, 10 * (i + 1), loss), NOT_EVALUATED);

test('the first of equal losses is the lowest, and losses that are not finite are worse', () => {
  expect(after([3, 2, 2, null])).toEqual({
    evaluations: 4,
    evaluatedAt: 40,
    lowest: { step: 20, valLoss: 2 },
    worse: 2,
  });
  expect(after([null, null])).toEqual({ evaluations: 2, evaluatedAt: 20, lowest: null, worse: 2 });
});

test('patience counts evaluations in a row since the lowest; 0 is endless', () => {
  expect(endsEarly({ earlyStop: 2 }, after([3, 2, 2.1]))).toBe(false);
  expect(endsEarly({ earlyStop: 2 }, after([3, 2, 2.1, 2.2]))).toBe(true);
  expect(endsEarly({ earlyStop: 2 }, after([3, 2, 2.1, 1.9]))).toBe(false);
  expect(endsEarly({ earlyStop: 0 }, after([1, 2, 3, 4, 5]))).toBe(false);
});

test('every bit survives the words that are saved, and zeros are a run that was not evaluated', () => {
  for (const losses of [[], [null], [2 / 3], [1 / 3, 0.5, null]]) {
    const best = after(losses);
    expect(readBest(bestWords(best).buffer)).toEqual(best);
  }
  expect(readBest(new ArrayBuffer(32))).toEqual(NOT_EVALUATED);
});

test('the last weights of a run that was stopped may be better than the best at its evaluations', () => {
  const best = { step: 20, valLoss: 2 };
  expect(lowestWeights({ best, valLoss: 2.5 })).toBe('best');
  expect(lowestWeights({ best, valLoss: 1.9 })).toBe('master');
  expect(lowestWeights({ best, valLoss: null })).toBe('best');
  expect(lowestWeights({ valLoss: 1 })).toBe('master');
});

/** Steps at which the watch warns, with a training and a validation loss for each evaluation. */
function warned(
  trace: readonly (readonly [training: number, validation: number | null])[],
  config = { keepBest: false, earlyStop: 0 },
) {
  const watch = new OverfittingWatch(config);
  return trace.flatMap(([loss, valLoss], i) => {
    for (let step = 0; step < 5; step++) watch.step({ loss });
    const warning = watch.evaluation({ step: i + 1, valLoss });
    return warning ? [warning] : [];
  });
}

test('overfitting: the validation loss is above its lowest three times in a row while the training loss falls', () => {
  const [warning, ...more] = warned([
    ...([
      [3, 3],
      [2.5, 2.6],
      [2, 2.5],
    ] as const),
    ...([
      [1.8, 2.52],
      [1.6, 2.56],
      [1.4, 2.6],
      [1.2, 2.7],
      [1, 2.9],
    ] as const),
  ]);
  expect(more).toEqual([]);
  expect(warning).toMatchObject({ kind: 'overfitting', step: 6 });
  expect(warning!.message).toMatch(/from 2\.500 at step 3 to 2\.600 at step 6.*from 2\.000 to 1\.400/);
});

test('the warning of overfitting advises nothing that the run does already', () => {
  const trace = [3, 2, 1.9, 1.8, 1.7].map((loss, i) => [loss, 2 + 0.1 * Math.max(0, i - 1)] as const);
  const hint = (config: { keepBest: boolean; earlyStop: number }) => warned(trace, config)[0]!.hint;
  expect(hint({ keepBest: false, earlyStop: 0 })).toMatch(/keep-best\) and .*early-stop\), or/);
  expect(hint({ keepBest: true, earlyStop: 0 })).toMatch(/is kept\. Stop early \(early-stop\)/);
  expect(hint({ keepBest: false, earlyStop: 5 })).toMatch(/ends after 5 evaluations.*\(keep-best\)/);
  const both = hint({ keepBest: true, earlyStop: 5 });
  expect(both).toContain('The best checkpoint is kept, and the run ends after 5 evaluations');
  expect(both).not.toMatch(/keep-best|early-stop/);
});

test.each<[string, Parameters<typeof warned>[0], number[]]>([
  [
    'a loss that falls',
    [
      [3, 3],
      [2, 2.5],
      [1.5, 2.2],
      [1.4, 2.1],
    ],
    [],
  ],
  [
    'noise below 1 %',
    [
      [3, 2],
      [2.9, 2.01],
      [2.8, 2.005],
      [2.7, 2.01],
      [2.6, 2.015],
    ],
    [],
  ],
  [
    'a dip between',
    [
      [3, 2],
      [2.9, 2.1],
      [2.8, 2.2],
      [2.7, 1.9],
      [2.6, 2],
      [2.5, 2.1],
    ],
    [],
  ],
  [
    'divergence, where the training loss rises too',
    [
      [3, 3],
      [2, 2],
      [4, 4],
      [5, 5],
      [6, 6],
    ],
    [],
  ],
  [
    'an evaluation that is not finite',
    [
      [3, 2],
      [2.9, 2.1],
      [2.8, null],
      [2.7, 2.1],
    ],
    [],
  ],
  [
    'a slow rise',
    [
      [3, 2],
      [2.9, 2.005],
      [2.8, 2.01],
      [2.7, 2.015],
      [2.6, 2.03],
    ],
    [5],
  ],
  [
    'a second rise, after a new lowest',
    [
      [3, 2],
      [2, 3],
      [2, 3],
      [2, 3],
      [1.9, 1.8],
      [1, 3],
      [1, 3],
      [1, 3],
      [1, 3],
    ],
    [4, 8],
  ],
])('%s', (_, trace, steps) => {
  expect(warned(trace).map(({ step }) => step)).toEqual(steps);
});
