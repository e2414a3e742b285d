/** Sentences about runs that the page's private storage keeps. */
import { learningRateAt } from '../../engine/train/lrSchedule.ts';
import type { SavedRun, StoredRun } from '../../session/protocol.ts';
import { formatAgo, formatCount } from '../format.ts';
import { titleOf } from '../messages.ts';

/** "Mixed f16, step 40 of 120, on Moby Dick" */
function aboutRun({ config, step, text }: SavedRun): string {
  return `${titleOf(config.precision)}, step ${formatCount(step)} of ${formatCount(config.steps)}, on ${text.name}`;
}

/**
 * @param obstacle why it cannot go on now
 * @param busy another run is trained
 * @param saved that run is saved, or the next one would be
 */
export function unfinishedSentence(
  run: StoredRun,
  obstacle: string | null,
  busy: boolean,
  saved: boolean,
): string {
  const beside = saved
    ? 'It stays as it is beside the run that is trained now.'
    : 'So that it is not lost, the run that is trained now is not saved.';
  const next = busy ? beside : (obstacle ?? 'It goes on exactly where it was.');
  return `A run was saved here ${formatAgo(run.savedAt)}: ${aboutRun(run)}. ${next}`;
}

/** @param givesWay the next run that is saved takes its place */
export function endedSentence(run: StoredRun, obstacle: string | null, givesWay: boolean): string {
  const word = run.step < run.config.steps ? 'ended' : 'finished';
  const stays = givesWay
    ? 'The next run that is saved takes its place: take what you need before.'
    : 'It stays while the next run is saved.';
  return `A run that ${word} ${formatAgo(run.savedAt)} is kept here: ${aboutRun(run)}. ${stays}${obstacle ? ` ${obstacle}` : ''}`;
}

/** What more steps do to the learning rate. @param steps in all */
export function scheduleSentence({ config, step }: SavedRun, steps: number): string {
  const last = rateWords(learningRateAt(config, Math.max(0, step - 1)));
  const next = rateWords(learningRateAt({ ...config, steps }, step));
  const change =
    next === last
      ? `stays at ${last}`
      : `goes from ${last} to ${next} and falls to ${rateWords(config.minLearningRate)}`;
  return `The learning rate ${change}, as in a run of ${formatCount(steps)} steps from its start.`;
}

/** Where a run is saved that is trained on. @param goes the stored run that gives way for it */
export function keepingSentence(run: StoredRun, goes: StoredRun | null): string {
  if (goes?.place === run.place)
    return 'It is saved in the place of this one: take it as a file to keep both.';
  const stays = 'What is kept here stays as it is';
  return goes ? `${stays}; the other run that is kept (${aboutRun(goes)}) gives way.` : `${stays}.`;
}

function rateWords(rate: number): string {
  return String(Number(rate.toPrecision(2)));
}
