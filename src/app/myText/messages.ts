/** Sentences of "My text". */
import { lowestWeights, type RunSummary, tokensPerStep } from '../../engine/index.ts';
import type { AdvisedTokenizer, Size } from '../../store/myText/advice.ts';
import type { MyTextPlan } from '../../store/myText/myText.ts';
import { formatCompact, formatCount, formatDuration, formatLoss, formatMiB } from '../format.ts';

export const SIZE_TITLES: Readonly<Record<Size, string>> = {
  tiny: 'Tiny',
  small: 'Small',
  medium: 'Medium',
  large: 'Large',
};

/** "10.7M parameters", "16 epochs of your text", "about 9 min", "1,843 MiB of memory". */
export function planParts(plan: MyTextPlan, bytes: number | null): string[] {
  return [
    `${formatCompact(plan.parameters)} parameters`,
    epochsText(plan.epochs),
    timeText(plan),
    ...(bytes === null ? [] : [`${formatMiB(bytes)} of GPU memory`]),
  ];
}

export function epochsText(epochs: number): string {
  if (epochs < 1) return `${Math.max(1, Math.round(100 * epochs))} % of your text, once`;
  const count = epochs < 9.5 ? String(Number(epochs.toFixed(1))) : formatCount(Math.round(epochs));
  return `${count} ${count === '1' ? 'epoch' : 'epochs'} of your text`;
}

function timeText({ time, milliseconds }: MyTextPlan): string {
  if (milliseconds !== null) return `about ${formatDuration(milliseconds / 1000)}`;
  return time?.state === 'refused' ? 'time not measured' : 'time: measuring a step…';
}

/** Where the time comes from. */
export function measuredLine({ time, config, milliseconds }: MyTextPlan): string {
  if (time?.state === 'refused') {
    return `The time of a step could not be measured: ${time.error.message} ${time.error.hint}`;
  }
  if (time?.state !== 'measured' || milliseconds === null) {
    return 'The time is not known before a few steps of this size have been measured on this device.';
  }
  const { msPerStep, steps } = time.result;
  return `The time is that of ${formatCount(config.steps)} steps of ${formatCount(tokensPerStep(config))} tokens, at ${msPerStep.toPrecision(3)} ms each (the mean of ${steps} steps on this device), and of the evaluations.`;
}

/** Why this size is recommended. */
export function sizeReason({ advice, size, parameters, time, config }: MyTextPlan): string {
  if (!advice) return 'The size is that of your model.';
  const recommended = SIZE_TITLES[advice.size];
  if (size !== advice.size) return `${recommended} is recommended; you chose ${SIZE_TITLES[size]}.`;
  const larger = advice.larger && SIZE_TITLES[advice.larger];
  switch (advice.why) {
    case 'software':
      return `${recommended} is recommended because this device has no GPU that the page can use, and a larger model would take hours.`;
    case 'speed':
      return `${recommended} is recommended because ${larger} would take more than ten minutes here.`;
    case 'text':
      return `${recommended} is recommended because ${larger} would have more than two parameters for each ${wordOf(config.tokenizer)} of your text and would learn it by heart.`;
    case 'largest':
      return `${recommended} is recommended because your text is long enough for its ${formatCompact(parameters)} parameters${time?.state === 'measured' ? ' and this device is fast enough' : ''}.`;
  }
}

export function tokenizerReason(advised: AdvisedTokenizer | null): string | null {
  switch (advised?.why) {
    case 'small':
      return 'It is read letter by letter: a text below 4 MB has too few words to learn pieces of them.';
    case 'large':
      return 'It is read in 4,096 pieces of words, learned from it: a text from 4 MB on has enough words for that.';
    case 'manyCharacters':
      return 'It is read in 1,024 pieces, learned from it: it has more than 300 different characters.';
    default:
      return null;
  }
}

function wordOf(tokenizer: string): string {
  return tokenizer === 'char' ? 'letter' : 'token';
}

/**
 * "Best checkpoint: step 400, validation loss 1.523. It is kept."
 * @param lost whether the GPU that had it was lost
 */
export function bestLine(
  best: { readonly step: number; readonly valLoss: number } | null,
  lost: boolean,
): string {
  if (!best)
    return lost
      ? 'There was no evaluation before the GPU was lost.'
      : 'The best checkpoint is kept from the first evaluation on.';
  const where = `step ${formatCount(best.step)}, validation loss ${formatLoss(best.valLoss)}`;
  return lost ? `The lowest loss was that of ${where}.` : `Best checkpoint: ${where}. It is kept.`;
}

/** The step with the lowest validation loss of a run that has ended, which may be its last; null where no loss was finite. */
export function lowestOf(
  summary: Pick<RunSummary, 'best' | 'steps' | 'valLoss'>,
): { readonly step: number; readonly valLoss: number } | null {
  if (lowestWeights(summary) === 'best') return summary.best ?? null;
  return summary.valLoss === null ? null : { step: summary.steps, valLoss: summary.valLoss };
}

/** Why the run ended. */
export function endLine(
  summary: Pick<RunSummary, 'endedEarly' | 'best' | 'steps' | 'valLoss'>,
  planned: number,
  patience: number,
): string {
  const { endedEarly, steps } = summary;
  const best = lowestOf(summary);
  if (endedEarly) {
    return `It ended early, after step ${formatCount(steps)} of ${formatCount(planned)}: ${patience} evaluations in a row were no better than the best.`;
  }
  const kept = best && best.step < steps ? ` The best checkpoint is of step ${formatCount(best.step)}.` : '';
  return steps < planned
    ? `You stopped it after step ${formatCount(steps)} of ${formatCount(planned)}.${kept}`
    : `It took all ${formatCount(steps)} steps.${kept}`;
}

/** The program that opens the downloaded folder. */
export function snippet(folder: string): string {
  return `from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

folder = "${folder}"  # the unpacked archive
tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
inputs = tokenizer("Once", return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=50)[0]))`;
}
