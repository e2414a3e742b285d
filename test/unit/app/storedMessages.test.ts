import { expect, test } from 'vitest';
import {
  endedSentence,
  keepingSentence,
  scheduleSentence,
  unfinishedSentence,
} from '../../../src/app/features/saved/storedMessages.ts';
import { PRESETS } from '../../../src/engine/config/presets.ts';
import { learningRateAt } from '../../../src/engine/train/lrSchedule.ts';
import type { StoredRun } from '../../../src/session/protocol.ts';

const config = { ...PRESETS.smoke.config, steps: 100, warmup: 0, learningRate: 1e-3, minLearningRate: 1e-4 };
const stored: StoredRun = {
  ...{ place: 0, ended: true, step: 100, savedAt: Date.now(), bytes: 1, config },
  text: { name: 'Moby Dick', checksum: '', tokens: null, builtin: 'moby-dick' },
};

test('the effect of more steps on the learning rate is given in numbers', () => {
  const next = learningRateAt({ ...config, steps: 200 }, 100);
  expect(next).toBeCloseTo(5.5e-4, 10); // half of the cosine
  expect(scheduleSentence(stored, 200)).toBe(
    'The learning rate changes from 0.0001 to 0.00055, then falls to 0.0001, as in one run of 200 steps.',
  );
  const constant = { ...stored, config: { ...config, minLearningRate: 1e-3 } };
  expect(scheduleSentence(constant, 200)).toBe(
    'The learning rate stays at 0.001, as in one run of 200 steps.',
  );
  // Stopped early: continued to the same end, and in the middle of its warm-up.
  expect(scheduleSentence({ ...stored, step: 1 }, 100)).toContain('continues at 0.001 and falls to 0.0001,');
  const warming = { ...stored, step: 5, config: { ...config, warmup: 10 } };
  expect(scheduleSentence(warming, 100)).toContain(
    'continues its warm-up from 0.00055 to 0.001, then falls to',
  );
});

test('the note of an ended run says whether the next one replaces it', () => {
  expect(endedSentence(stored, null, false)).toMatch(
    /^A run that finished .* ago is saved here: .*, step 100 of 100, on Moby Dick\. The next saved run does not replace it\.$/,
  );
  expect(endedSentence({ ...stored, step: 40 }, 'Choose the text again.', true)).toMatch(
    /^A run that ended .* step 40 of 100, .* The next saved run replaces it, .* Choose the text again\.$/,
  );
});

test('the note of an unfinished run says whether the current run is saved beside it', () => {
  const left = { ...stored, ended: false, step: 40 };
  expect(unfinishedSentence(left, null, false, true)).toContain('It resumes exactly where it was.');
  expect(unfinishedSentence(left, null, true, true)).toContain('beside the run that is training now');
  expect(unfinishedSentence(left, null, true, false)).toContain('the run that is training now is not saved');
});

test('continuing a run says what is kept and what is replaced', () => {
  const other = { ...stored, place: 1, step: 8 } as const;
  expect(keepingSentence(stored, null)).toBe('This run is kept, and the longer one is saved beside it.');
  expect(keepingSentence(stored, other)).toMatch(
    /is kept; the longer one replaces the other saved run \(.*step 8 of 100.*\)\.$/,
  );
  expect(keepingSentence(stored, stored)).toContain('To keep both, export its run file first.');
});
