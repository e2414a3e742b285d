/** Sentences about samples. */
import type { SampledToken, SampleHeading } from '../../../session/protocol.ts';
import { formatCount, formatLoss, formatPercent } from '../../format.ts';

/** "Step 75, loss 2.815" and, for a requested sample, its options. */
export function sampleCaption(heading: SampleHeading): string {
  const { kind, step, loss, temperature, topK, topP = 1, repetitionPenalty = 1, seed, weights } = heading;
  const where = step === 0 ? 'Before the first step' : `Step ${formatCount(step)}, loss ${formatLoss(loss)}`;
  if (kind !== 'asked') return where;
  const filters = [
    ...(topK > 0 ? [`top-k ${topK}`] : []),
    ...(topP < 1 ? [`top-p ${topP}`] : []),
    ...(repetitionPenalty === 1 ? [] : [`repetition penalty ${repetitionPenalty}`]),
  ];
  const from = filters.length > 0 ? filters.join(', ') : 'all tokens';
  const copy = weights === 'average' ? ', averaged weights' : weights === 'best' ? ', best checkpoint' : '';
  return `${where}${copy}, temperature ${temperature}, ${from}, seed ${seed}`;
}

/** The text of a token in a list: invisible characters are named. */
export function tokenName(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '\n': 'line break',
    '\r': 'carriage return',
    '\t': 'tab',
    ' ': 'space',
    '\u00a0': 'hard space',
    '': 'part of a character',
  };
  return names[text] ?? text;
}

/** The drawn token and its probability, for screen readers. */
export function tokenSentence(token: SampledToken): string {
  return `${tokenName(token.text)}, ${formatPercent(token.probability)}`;
}
