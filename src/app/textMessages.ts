/** Sentences about the visitor's own text. */
import type { TokenizerChoice } from '../engine/data/tokenizer.ts';
import type { TextFacts, TextProgress } from '../session/protocol.ts';
import { formatCount, formatMegabytes } from './format.ts';

const STAGES: Readonly<Record<TextProgress['stage'], string>> = {
  downloading: 'Loading',
  reading: 'Reading',
  tokenizing: 'Turning into tokens',
};

/** "Reading, 12.0 of 200.0 MB". */
export function textProgressLine(progress: TextProgress | null): string {
  if (!progress) return 'Starting to read';
  const { stage, bytes, size } = progress;
  const done = formatMegabytes(bytes);
  return size === null
    ? `${STAGES[stage]}, ${done} MB`
    : `${STAGES[stage]}, ${done} of ${formatMegabytes(size)} MB`;
}

/** Share of the whole way, which for a file is its two readings; null where the size is not known. */
export function textShare(progress: TextProgress | null): number | null {
  if (!progress) return 0;
  const { stage, bytes, size } = progress;
  if (size === null) return null;
  const share = Math.min(1, bytes / Math.max(1, size));
  if (stage === 'downloading') return share;
  return (share + (stage === 'tokenizing' ? 1 : 0)) / 2;
}

/** "4,600 characters, 18 different", or "1,200 tokens of 50,257 different ones" where tokens are no characters. */
export function textFactsLine({ bytes, tokens, vocabulary }: TextFacts, tokenizer: TokenizerChoice): string {
  const size = bytes >= 1e6 ? ` (${formatMegabytes(bytes)} MB)` : '';
  return tokenizer === 'char'
    ? `${formatCount(tokens)} characters${size}, ${formatCount(vocabulary)} different`
    : `${formatCount(tokens)} tokens${size} of ${formatCount(vocabulary)} different ones`;
}
