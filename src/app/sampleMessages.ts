/** Sentences about what the model writes. */
import type { SampledToken, SampleHeading } from '../session/protocol.ts';
import { formatCount, formatLoss, formatPercent } from './format.ts';

/** "Step 75, loss 2.815" and, for what was asked for, with what. */
export function sampleCaption({ kind, step, loss, temperature, topK, seed }: SampleHeading): string {
  const where = step === 0 ? 'Before the first step' : `Step ${formatCount(step)}, loss ${formatLoss(loss)}`;
  if (kind !== 'asked') return where;
  const from = topK > 0 ? `top-k ${topK}` : 'all tokens';
  return `${where}, temperature ${temperature}, ${from}, seed ${seed}`;
}

/** How a token is written in a list: what cannot be seen is named. */
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

/** For screen readers: what was drawn and how likely it was. */
export function tokenSentence(token: SampledToken): string {
  return `${tokenName(token.text)}, ${formatPercent(token.probability)}`;
}
