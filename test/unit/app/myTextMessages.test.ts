import { expect, test } from 'vitest';
import { epochsText } from '../../../src/app/myText/messages.ts';

test.each([
  [0.034, '3 % of your text, once'],
  [1, '1 epoch of your text'],
  [1.24, '1.2 epochs of your text'],
  [9.96, '10 epochs of your text'],
  [1234.5, '1,235 epochs of your text'],
])('%d epochs: %s', (epochs, text) => expect(epochsText(epochs)).toBe(text));
