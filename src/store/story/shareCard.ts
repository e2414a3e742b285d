/** What the image and the link of the story say. */
import { formatPercent, formatPowerOfTwo, type VariantId } from '../../engine/index.ts';
import { curveOf, type StoryArms } from './arms.ts';
import { storyCards } from './cards.ts';
import { partingStep } from './parting.ts';
import { causalVerdict } from './verdict.ts';

/** A run on the image, which names it as the page does. */
export interface SharedRun {
  readonly mode: VariantId;
  /** "loss 2.480", "97.8 % of gradients lost". */
  readonly figures: readonly string[];
  readonly sentence: string | null;
  /** Points of its loss, at most 200. */
  readonly curve: readonly { readonly step: number; readonly loss: number }[];
}

export interface ShareCard {
  readonly title: string;
  /** The verdict in short; null before the end. */
  readonly sentence: string | null;
  readonly runs: readonly SharedRun[];
  readonly steps: number;
  readonly partingStep: number | null;
  /** Where and when it was trained. */
  readonly origin: string;
  /** The address of the story. */
  readonly url: string;
  /** What is sent with the link. */
  readonly text: string;
}

export const STORY_TITLE = 'Half the bits. Same model, if you scale the loss.';
const CURVE_POINTS = 200;

/**
 * @param origin where and when the runs were trained
 * @param address that of the page; its query and fragment are left out, since the story has no settings
 */
export function shareCard(arms: StoryArms, origin: string, address: string): ShareCard {
  const verdict = causalVerdict(arms);
  const url = new URL(address);
  url.search = '';
  url.hash = '#story';
  const shown = [arms.reference, arms.scaled, arms.unscaled].flatMap((arm) => arm ?? []);
  const cards = storyCards(arms);
  return {
    title: STORY_TITLE,
    sentence: verdict?.short ?? null,
    runs: shown.map((arm, i) => {
      const card = cards[i]!;
      return {
        mode: card.mode,
        figures: figuresOf(card),
        sentence: card.sentence,
        curve: thinned(curveOf(arm)),
      };
    }),
    steps: shown[0]?.run.config.steps ?? 0,
    partingStep: partingStep(arms)?.step ?? null,
    origin,
    url: url.href,
    text: verdict ? `${STORY_TITLE} ${verdict.short}` : STORY_TITLE,
  };
}

function figuresOf({
  valLoss,
  loss,
  lostShare,
  lossScale,
  skipped,
}: ReturnType<typeof storyCards>[number]): string[] {
  const shown = valLoss ?? loss;
  return [
    shown === null ? 'loss not finite' : `loss ${shown.toFixed(3)}`,
    ...(lostShare === null ? [] : [`${formatPercent(lostShare)} of gradients lost`]),
    ...(lossScale === null
      ? []
      : [`scale ${formatPowerOfTwo(Math.log2(lossScale))}${skipped > 0 ? `, ${skipped} skipped` : ''}`]),
  ];
}

/** Evenly spread points of a curve, the last among them; those that are not finite are left out. */
function thinned({ steps, losses }: ReturnType<typeof curveOf>): SharedRun['curve'] {
  const { length } = steps;
  const count = Math.min(length, CURVE_POINTS);
  return Array.from({ length: count }, (_, i) => {
    const at = count === 1 ? 0 : Math.round((i * (length - 1)) / (count - 1));
    return { step: steps[at]!, loss: losses[at]! };
  }).filter(({ loss }) => Number.isFinite(loss));
}
