/** Says at the end what loss scaling changed, and why, from the figures of the runs. */
import {
  blockName,
  DIVERGENCE_NATS,
  flushedGradients,
  formatPercent,
  formatPowerOfTwo,
  type NumericsFrame,
  rowsWithoutGradient,
  tensorsWithoutGradient,
} from '../../engine/index.ts';
import { formatOf, type StoryArm, type StoryArms } from './arms.ts';

/** Flushing fewer gradients than this explains nothing. */
const FEW = 0.01;
/** Scaling saved a run when it closed nine tenths of the gap. */
const CLOSED = 0.1;

export interface Verdict {
  /**
   * `saved`: without scaling the run is worse and loses gradients, with it neither. `equal`: scaling made no difference.
   * `partly`: it did not close the gap. `unexplained`: the run is worse, but not for lost gradients. `stopped`: a run has
   * no final loss, so that there is nothing to compare.
   */
  readonly kind: 'saved' | 'equal' | 'partly' | 'unexplained' | 'stopped';
  readonly text: string;
  /** The same in a line or two, for the image. */
  readonly short: string;
}

/** Null until all three runs have ended. */
export function causalVerdict({ reference, scaled, unscaled }: StoryArms): Verdict | null {
  if (!reference || !scaled || !unscaled) return null;
  const ended = [reference, scaled, unscaled].every(({ run }) => run.summary || run.error);
  if (!ended) return null;
  const [base, saved, without] = [reference, scaled, unscaled].map(finalLoss);
  if (without === null && base !== null && saved !== null) return brokenVerdict(unscaled, saved! - base!);
  if (base == null || saved == null || without == null) {
    const text = 'A run ended without a validation loss, so there is nothing to compare.';
    return { kind: 'stopped', text, short: text };
  }
  const [gap, rest] = [without - base, saved - base];
  const lost = lostWords(unscaled);
  const scale = scaleWords(scaled);
  const within = withinWords(rest);
  if (gap <= DIVERGENCE_NATS) {
    return {
      kind: 'equal',
      text: `${lost.text} Even so, its loss ended ${differenceWords(gap)} FP32's: in so short a run, scaling made no difference.`,
      short: `Without loss scaling, the loss ended ${differenceWords(gap)} FP32's: here, scaling made no difference.`,
    };
  }
  if (lost.share === null || lost.share < FEW) {
    const why = lost.share === null ? 'so the cause is not known.' : 'which is too few to explain it.';
    return {
      kind: 'unexplained',
      text: `${lost.text.slice(0, -1)}, ${why} The loss ended ${differenceWords(gap)} FP32's.`,
      short: `Without loss scaling, the loss ended ${differenceWords(gap)} FP32's, ${why}`,
    };
  }
  const cost = `The loss ended ${differenceWords(gap)} FP32's.`;
  const begin = `Without loss scaling, ${formatPercent(lost.share)} of gradients became 0: the loss ended ${differenceWords(gap)} FP32's.`;
  const back = `Multiplying the loss by ${scale} moved them back into range${stillLost(scaled)}`;
  if (Math.abs(rest) > CLOSED * gap) {
    return {
      kind: 'partly',
      text: `${lost.text} ${cost} ${back}, but the loss still ended ${differenceWords(rest)} FP32's.`,
      short: `${begin} With the loss multiplied by ${scale}, it was still ${differenceWords(rest)}.`,
    };
  }
  return {
    kind: 'saved',
    text: `${lost.text} ${cost} ${back}: the loss ended within ${within}.`,
    short: `${begin} With the loss multiplied by ${scale}, it ended within ${within}.`,
  };
}

function brokenVerdict(unscaled: StoryArm, rest: number): Verdict {
  const why = unscaled.run.error?.message ?? 'its loss is not finite.';
  const end = `With it, the loss ended within ${withinWords(rest)}.`;
  return {
    kind: Math.abs(rest) > DIVERGENCE_NATS ? 'partly' : 'saved',
    text: `Without loss scaling, training broke down: ${why} ${end}`,
    short: `Without loss scaling, training broke down. ${end}`,
  };
}

function finalLoss({ run }: StoryArm): number | null {
  return run.error ? null : (run.summary?.valLoss ?? null);
}

/** "0.001 nats of FP32's", rounded up. */
function withinWords(gap: number): string {
  return `${Math.max(0.001, Math.ceil(Math.abs(gap) * 1000) / 1000).toFixed(3)} nats of FP32's`;
}

/** "0.753 nats above". */
function differenceWords(gap: number): string {
  if (Math.abs(gap) < 0.0005) return 'level with';
  return `${Math.abs(gap).toFixed(3)} nats ${gap > 0 ? 'above' : 'below'}`;
}

/** "Without loss scaling, 97.9 % of the gradients between layers became 0 by step 300; 16 of 28 parameter tensors ..." */
function lostWords(arm: StoryArm): { readonly share: number | null; readonly text: string } {
  const { frame } = arm;
  const format = formatOf(arm);
  const share = frame && flushedGradients(frame, format);
  if (!frame || share === null)
    return { share: null, text: 'Without loss scaling, no gradient was counted.' };
  const { without, of } = tensorsWithoutGradient(frame);
  const dead =
    without === 0 ? '' : `; ${without} of ${of} parameter tensors got none at all${deadWords(frame)}`;
  const flushes = format === 'f16-flush' ? ' (this mode flushes the subnormals of f16, as some GPUs do)' : '';
  return {
    share,
    text: `Without loss scaling, ${formatPercent(share)} of the gradients between layers became 0 at step ${frame.step}${flushes}${dead}.`,
  };
}

/** Parameters by their names within a block, in words. */
const PARTS: Readonly<Record<string, string>> = {
  'attn.c_attn.weight': "attention's queries, keys and values",
  'mlp.c_fc.weight': "the MLP's first matrix",
};

/** The parts of {@link PARTS} that have no gradient in any block. */
function deadWords(frame: NumericsFrame): string {
  const dead = new Set(rowsWithoutGradient(frame).map(({ name }) => name));
  const blocks = new Set(frame.rows.flatMap(({ layer }) => (layer === null ? [] : [layer])));
  const words = Object.keys(PARTS).filter(
    (part) => blocks.size > 0 && [...blocks].every((block) => dead.has(`${blockName(block)}.${part}`)),
  );
  if (words.length === 0) return '';
  return `, among them ${words.map((part) => PARTS[part]).join(' and ')} in ${blocks.size > 1 ? 'every' : 'the'} block`;
}

function scaleWords({ run, frame }: StoryArm): string {
  return formatPowerOfTwo(Math.log2(run.summary?.lossScale ?? frame?.scale ?? 1));
}

function stillLost(arm: StoryArm): string {
  const share = arm.frame && flushedGradients(arm.frame, formatOf(arm));
  return share === null ? '' : ` (${formatPercent(share)} lost)`;
}
