import { expect, test } from 'vitest';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import {
  adviseSize,
  adviseSteps,
  adviseTokenizer,
  configOfSize,
  epochsOf,
  evaluationInterval,
  runMs,
  type SizeInputs,
} from '../../../src/store/myText/advice.ts';
import { applyStepTime, setStepTime, useStepTimes } from '../../../src/store/myText/stepTimes.ts';

const PARAMETERS = { tiny: 100_000, small: 800_000, medium: 2_700_000, large: 10_700_000 };
const advise = (inputs: Partial<SizeInputs>) =>
  adviseSize({ tokens: 1_000_000, isFallback: false, parameters: PARAMETERS, msPerStep: {}, ...inputs });

test.each<[string, Partial<SizeInputs>, ReturnType<typeof adviseSize>]>([
  ['a short text', { tokens: 10_000 }, { size: 'tiny', why: 'text', larger: 'small' }],
  // 0.9 of a million tokens allow 1.8 million parameters.
  ['a book', {}, { size: 'small', why: 'text', larger: 'medium' }],
  ['a long text', { tokens: 10_000_000 }, { size: 'large', why: 'largest', larger: null }],
  // 200 steps of 4 s are more than ten minutes, those of 2 s are not.
  [
    'a slow device',
    { tokens: 10_000_000, msPerStep: { large: 4000, medium: 2000 } },
    { size: 'medium', why: 'speed', larger: 'large' },
  ],
  ['a software renderer', { isFallback: true }, { size: 'tiny', why: 'software', larger: 'small' }],
])('%s: the size and its reason', (_, inputs, expected) => {
  expect(advise(inputs)).toEqual(expected);
});

test('a text is read by letters, unless it is large or has too many of them', () => {
  expect(adviseTokenizer({ bytes: 1e6, vocabulary: 80 })).toEqual({ tokenizer: 'char', why: 'small' });
  expect(adviseTokenizer({ bytes: 4e6, vocabulary: 80 })).toMatchObject({ why: 'large' });
  expect(adviseTokenizer({ bytes: 1e6, vocabulary: 3000 })).toMatchObject({ why: 'manyCharacters' });
});

test('a run reads the text ten times, three times from a trained model, and takes ten minutes at most', () => {
  const config = PRESETS.smoke.config; // 512 tokens a step
  expect(adviseSteps(config, 51_200 / 0.9, null, false)).toBe(1000);
  expect(adviseSteps(config, 51_200 / 0.9, null, true)).toBe(300);
  expect(adviseSteps(config, 51_200 / 0.9, 1000, false)).toBe(600);
  expect(adviseSteps(config, 51_200 / 0.9, 60_000, false)).toBe(200);
  expect(adviseSteps(config, 100, null, false)).toBe(200);
  expect(adviseSteps(config, 1e12, null, false)).toBe(20_000);
  expect(epochsOf({ ...config, steps: 1000 }, 51_200 / 0.9)).toBeCloseTo(10, 10);
});

test('the time of a run has its evaluations, a third of a step for each batch', () => {
  const config = { ...configOfSize('tiny'), steps: 200, evalEvery: evaluationInterval(200), evalBatches: 3 };
  expect(config.evalEvery).toBe(10);
  expect(runMs(config, 10)).toBe(10 * (200 + 20));
});

test('an answer belongs to the measurement that was asked for, and a cancelled one can be asked for again', () => {
  const times = () => useStepTimes.getState().times;
  const result = { msPerStep: 2, steps: 30, tokensPerSec: 1, parameters: 1, bytes: 1 };
  setStepTime('tiny 80', { state: 'measuring', id: 1 });
  setStepTime('small 80', { state: 'measuring', id: 2 });
  applyStepTime({ type: 'stepMeasured', id: 1, result });
  applyStepTime({ type: 'stepCancelled', id: 2 });
  applyStepTime({ type: 'stepMeasured', id: 3, result });
  expect(times()).toEqual({ 'tiny 80': { state: 'measured', result } });
});
