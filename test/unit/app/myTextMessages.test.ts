import { expect, test } from 'vitest';
import { endLine, epochsText, lowestOf } from '../../../src/app/myText/messages.ts';

test.each([
  [0.034, '3 % of your text, once'],
  [1, '1 epoch of your text'],
  [1.24, '1.2 epochs of your text'],
  [9.96, '10 epochs of your text'],
  [1234.5, '1,235 epochs of your text'],
])('%d epochs: %s', (epochs, text) => expect(epochsText(epochs)).toBe(text));

test('the best checkpoint of a stopped run is named only where its last step is no better', () => {
  const best = { step: 405, valLoss: 0.22 };
  const better = { best, steps: 559, valLoss: 0.211 };
  expect(lowestOf(better)).toEqual({ step: 559, valLoss: 0.211 });
  expect(endLine(better, 2700, 5)).toBe('You stopped it after step 559 of 2,700.');
  const worse = { ...better, valLoss: 0.3 };
  expect(lowestOf(worse)).toEqual(best);
  expect(endLine(worse, 2700, 5)).toBe(
    'You stopped it after step 559 of 2,700. The best checkpoint is of step 405.',
  );
  expect(lowestOf({ steps: 3, valLoss: null })).toBeNull();
});
