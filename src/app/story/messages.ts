/** What the story says about itself: where its figures come from, and how far it is. */
import type { RunState } from '../../store/runStore.ts';
import type { StoryCard } from '../../store/story/figures.ts';
import type { StoryState } from '../../store/story/storyStore.ts';
import { formatCount, formatLoss, formatPercent } from '../format.ts';
import { armOf } from './arms.ts';

/** The description of an adapter without its driver's version: "mesa software llvmpipe" instead of the whole line. */
export function shortAdapter(adapter: string): string {
  return adapter.split(':')[0]!.trim();
}

/** @param date as ISO 8601 has it */
export function formatDay(date: string): string {
  const options = { dateStyle: 'long', timeZone: 'UTC' } as const;
  return new Date(`${date}T00:00:00Z`).toLocaleDateString('en-GB', options);
}

/** Where the figures come from: "recorded on 30 November 2026 on mesa software llvmpipe". */
export function originLine(
  { source, phase, recording }: Pick<StoryState, 'source' | 'phase' | 'recording'>,
  adapter: string,
): string {
  if (source === 'live') return phase === 'ended' ? `trained just now on ${adapter}` : `live on ${adapter}`;
  if (recording) return `recorded on ${formatDay(recording.date)} on ${shortAdapter(recording.adapter)}`;
  return phase === 'failed' ? 'no recording' : 'loading the recording';
}

/** A share of gradients, in few characters: its place is narrow. */
export function formatLost(share: number): string {
  return share > 0 && share < 1e-4 ? '<0.01 %' : formatPercent(share);
}

/** How far the runs are. */
export function progressLine(
  { source, phase }: Pick<StoryState, 'source' | 'phase'>,
  compiling: RunState['compiling'],
  step: number,
  steps: number,
): string {
  if (source === 'live' && phase === 'preparing') {
    return compiling
      ? `compiling GPU programs: ${compiling.compiled} of ${compiling.total}`
      : 'preparing the GPU';
  }
  return steps > 0 ? `step ${formatCount(step)} of ${formatCount(steps)}` : '';
}

/** What is to be seen at this moment; null before the first gradients were counted. */
export function narration(cards: readonly StoryCard[]): string | null {
  const of = (mode: string) => cards.find((card) => card.mode === mode);
  const [full, scaled, bare] = [of('fp32'), of('fp16'), of('fp16-noscale')];
  if (scaled?.lostShare == null || bare?.lostShare == null) return null;
  const lost = `Without scaling, ${formatLost(bare.lostShare)} of the gradients become 0; with it, ${formatLost(scaled.lostShare)}.`;
  if (full?.loss == null || scaled.loss === null) return lost;
  const broken = bare.loss === null ? 'not a number' : formatLoss(bare.loss);
  return `${lost} Loss: ${broken} without, ${formatLoss(scaled.loss)} with it, ${formatLoss(full.loss)} in FP32.`;
}

/** What the chart shows, for those who do not see it. */
export function chartSummary(cards: readonly StoryCard[], parting: number | null): string {
  const losses = cards.map(({ mode, loss, step }) =>
    step === null
      ? `${armOf(mode).name}: no step yet`
      : `${armOf(mode).name}: ${loss === null ? 'not finite' : formatLoss(loss)} at step ${step}`,
  );
  const parts = parting === null ? '' : ` The runs part at step ${parting}.`;
  return `Chart of three losses. ${losses.join('; ')}.${parts}`;
}

/**
 * What a nat is, by the losses on text that the models have not seen: a loss of L nats is that of choosing among e^L letters.
 * @param losses of FP32 and of f16 without scaling; null where there is none
 */
export function nats(losses: readonly (number | null | undefined)[]): string {
  const [reference, without] = losses;
  if (reference == null || without == null)
    return 'A loss in nats is the logarithm of the number of letters that a model seems to choose among.';
  const letters = (loss: number) => formatCount(Math.round(Math.exp(loss)));
  return `A loss in nats is the logarithm of a number of guesses: at FP32's ${formatLoss(reference)} nats a model seems to choose among ${letters(reference)} letters, at the ${formatLoss(without)} of f16 without scaling among ${letters(without)}.`;
}
