/** The figures of each run on its card. */
import { flushedGradients, type VariantId } from '../../engine/index.ts';
import { formatOf, type StoryArm, type StoryArms } from './arms.ts';

/** The figures of a run; null where there is none yet. */
export interface StoryCard {
  readonly mode: VariantId;
  readonly step: number | null;
  /** Training loss of the newest step in nats; null also when it is not finite. */
  readonly loss: number | null;
  /** Newest validation loss. */
  readonly valLoss: number | null;
  readonly tokensPerSec: number | null;
  readonly batch: number;
  /** Null in modes without loss scaling. */
  readonly lossScale: number | null;
  readonly skipped: number;
  /** Share of the nonzero gradients that the run's format flushes to zero at its own scale; 0 in FP32. */
  readonly lostShare: number | null;
  /** The beginning of the newest text of the model, or of the one that it is writing. */
  readonly sentence: string | null;
  /** Why the run ended early. */
  readonly failed: string | null;
}

/** A card for each of the story's runs that is shown, in their order. */
export function storyCards({ reference, scaled, unscaled }: StoryArms): StoryCard[] {
  return [reference, scaled, unscaled].flatMap((arm) => (arm ? [cardOf(arm)] : []));
}

function cardOf(arm: StoryArm): StoryCard {
  const { run, frame } = arm;
  const { mode, config, latest, valLoss, summary, error } = run;
  return {
    mode,
    step: latest?.step ?? null,
    loss: latest?.loss ?? null,
    valLoss: summary ? summary.valLoss : (valLoss?.value ?? null),
    tokensPerSec: summary?.tokensPerSec ?? run.tokensPerSec,
    batch: config.batch,
    lossScale: mode === 'fp16' ? (latest?.lossScale ?? null) : null,
    skipped: latest?.skippedSteps ?? 0,
    lostShare: frame && lostShareOf(arm),
    sentence: sentenceOf(arm),
    failed: error?.message ?? null,
  };
}

/** Share of the nonzero gradients that a run flushes to zero; null before the first are counted. */
function lostShareOf(arm: StoryArm): number | null {
  if (!arm.frame) return null;
  const format = formatOf(arm);
  return format === 'f32' ? 0 : flushedGradients(arm.frame, format);
}

const SENTENCE_LENGTH = 90;

function sentenceOf({ run, writing }: StoryArm): string | null {
  const text = (writing || run.samples.at(-1)?.text) ?? null;
  if (text === null) return null;
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= SENTENCE_LENGTH ? line : `${line.slice(0, SENTENCE_LENGTH).replace(/\s\S*$/, '')}…`;
}
