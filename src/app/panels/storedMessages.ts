/** Sentences about runs that the page's private storage keeps. */
import { HALFSTEP_VERSION, learningRateAt, type TrainConfig } from '../../engine/index.ts';
import type { SavedRun, StoredRun, UnreadableRun } from '../../session/protocol.ts';
import { formatAgo, formatCount } from '../format.ts';
import { titleOf } from '../messages.ts';

/** "Mixed f16, step 40 of 120, on Moby Dick" */
function aboutRun({ config, step, text }: SavedRun): string {
  return `${titleOf(config.precision)}, step ${formatCount(step)} of ${formatCount(config.steps)}, on ${text.name}`;
}

/**
 * @param obstacle why it cannot be resumed now
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
  const next = busy ? beside : (obstacle ?? 'It resumes exactly where it was.');
  return `A run was saved here ${formatAgo(run.savedAt)}: ${aboutRun(run)}. ${next}`;
}

/** @param givesWay the next run that is saved takes its place */
export function endedSentence(run: StoredRun, obstacle: string | null, givesWay: boolean): string {
  const word = run.step < run.config.steps ? 'ended' : 'finished';
  const stays = givesWay
    ? 'The next saved run replaces it: export what you need first.'
    : 'The next saved run leaves it as it is.';
  return `A run that ${word} ${formatAgo(run.savedAt)} is kept here: ${aboutRun(run)}. ${stays}${obstacle ? ` ${obstacle}` : ''}`;
}

/** A run that this version of the page cannot read. */
export function unreadableSentence({ writer, error, exported }: UnreadableRun): string {
  const by = writer === null ? 'another version of Halfstep' : `Halfstep ${writer}`;
  const first = exported ? 'Take its run file before you remove it' : 'Remove it only if you do not need it';
  return `A run that ${by} saved here is kept, but this version (${HALFSTEP_VERSION}) cannot read it. ${error.message} It keeps its place until you remove it. Reload the page, which gets the newest version of it, to resume the run. ${first}.`;
}

/** What more steps do to the learning rate. @param steps in all */
export function scheduleSentence({ config, step }: SavedRun, steps: number): string {
  return `The learning rate ${rateChange(config, step, steps)}, as in one run of ${formatCount(steps)} steps.`;
}

function rateChange(config: TrainConfig, step: number, steps: number): string {
  const lowest = rateWords(config.minLearningRate);
  const last = rateWords(learningRateAt(config, Math.max(0, step - 1)));
  const next = rateWords(learningRateAt({ ...config, steps }, step));
  if (step < config.warmup) {
    return `continues its warm-up from ${next} to ${rateWords(config.learningRate)}, then falls to ${lowest}`;
  }
  if (next === lowest) return `stays at ${next}`;
  return next === last
    ? `continues at ${next} and falls to ${lowest}`
    : `changes from ${last} to ${next}, then falls to ${lowest}`;
}

/** Where a run is saved that is trained on. @param goes the stored run that it replaces */
export function keepingSentence(run: StoredRun, goes: StoredRun | null): string {
  if (goes?.place === run.place)
    return 'The longer run replaces this one: take its run file first to keep both.';
  const stays = 'This run stays as it is';
  return goes
    ? `${stays}; the longer one replaces the other kept run (${aboutRun(goes)}).`
    : `${stays}; the longer one is kept beside it.`;
}

function rateWords(rate: number): string {
  return String(Number(rate.toPrecision(2)));
}
