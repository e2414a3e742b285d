/** Sentences about runs in the page's private storage. */
import { HALFSTEP_VERSION, learningRateAt, type TrainConfig, variantTitle } from '../../../engine/index.ts';
import type { SavedRun, StoredRun, UnreadableRun } from '../../../session/protocol.ts';
import { formatAgo, formatCount } from '../../format.ts';

/** "Mixed f16, step 40 of 120, on Moby Dick" */
function aboutRun({ config, step, text }: SavedRun): string {
  return `${variantTitle(config.precision)}, step ${formatCount(step)} of ${formatCount(config.steps)}, on ${text.name}`;
}

/**
 * @param obstacle why it cannot be resumed now
 * @param busy whether another run is training
 * @param saved whether that run is saved, or the next one would be
 */
export function unfinishedSentence(
  run: StoredRun,
  obstacle: string | null,
  busy: boolean,
  saved: boolean,
): string {
  const beside = saved
    ? 'It is kept beside the run that is training now.'
    : 'To keep it, the run that is training now is not saved.';
  const next = busy ? beside : (obstacle ?? 'It resumes exactly where it was.');
  return `A run was saved here ${formatAgo(run.savedAt)}: ${aboutRun(run)}. ${next}`;
}

/** @param isNextReplaced whether the next saved run replaces it */
export function endedSentence(run: StoredRun, obstacle: string | null, isNextReplaced: boolean): string {
  const word = run.step < run.config.steps ? 'ended' : 'finished';
  const stays = isNextReplaced
    ? 'The next saved run replaces it, so export what you need first.'
    : 'The next saved run does not replace it.';
  return `A run that ${word} ${formatAgo(run.savedAt)} is saved here: ${aboutRun(run)}. ${stays}${obstacle ? ` ${obstacle}` : ''}`;
}

/** About a run that this version of the page cannot read. */
export function unreadableSentence({ writer, error, exported }: UnreadableRun): string {
  const by = writer === null ? 'another version of Halfstep' : `Halfstep ${writer}`;
  const first = exported
    ? 'Export its run file before you remove it'
    : 'Remove it only if you do not need it';
  return `A run saved here by ${by} cannot be read by this version (${HALFSTEP_VERSION}). ${error.message} It is kept until you remove it. To resume it, reload the page, which loads the newest version. ${first}.`;
}

/** How more steps change the learning rate. @param steps total number of steps */
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

/** Says which stored run a longer run replaces. @param goes the stored run that it replaces */
export function keepingSentence(run: StoredRun, goes: StoredRun | null): string {
  if (goes?.place === run.place)
    return 'The longer run replaces this one. To keep both, export its run file first.';
  const stays = 'This run is kept';
  return goes
    ? `${stays}; the longer one replaces the other saved run (${aboutRun(goes)}).`
    : `${stays}, and the longer one is saved beside it.`;
}

function rateWords(rate: number): string {
  return String(Number(rate.toPrecision(2)));
}
