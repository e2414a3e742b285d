/** Sentences about the visitor's own text. */
import type { TokenizerChoice } from '../../../engine/index.ts';
import type { TextFacts, TextProgress } from '../../../session/protocol.ts';
import { formatCount, formatMegabytes } from '../../format.ts';

const STAGES: Readonly<Record<TextProgress['stage'], string>> = {
  downloading: 'Loading',
  reading: 'Reading',
  learning: 'Learning BPE tokens',
  tokenizing: 'Tokenizing',
};

/** "Reading, 12.0 of 200.0 MB". */
export function textProgressLine(progress: TextProgress | null): string {
  if (!progress) return 'Starting to read';
  if (progress.stage === 'learning') {
    return `${STAGES.learning}, ${formatCount(progress.pairs)} of ${formatCount(progress.of)}`;
  }
  const { stage, bytes, size } = progress;
  const done = formatMegabytes(bytes);
  return size === null
    ? `${STAGES[stage]}, ${done} MB`
    : `${STAGES[stage]}, ${done} of ${formatMegabytes(size)} MB`;
}

/** Share of the whole work, which for a file is two passes; null when the size is unknown. */
export function textShare(progress: TextProgress | null): number | null {
  if (!progress) return 0;
  if (progress.stage === 'learning') return 0.5; // between the two passes
  const { stage, bytes, size } = progress;
  if (size === null) return null;
  const share = Math.min(1, bytes / Math.max(1, size));
  if (stage === 'downloading') return share;
  return (share + (stage === 'tokenizing' ? 1 : 0)) / 2;
}

/** "4,600 characters, 18 different", or "1,200 tokens from a vocabulary of 50,257" where tokens are not characters. */
export function textFactsLine({ bytes, tokens, vocabulary }: TextFacts, tokenizer: TokenizerChoice): string {
  const size = bytes >= 1e6 ? ` (${formatMegabytes(bytes)} MB)` : '';
  return tokenizer === 'char'
    ? `${formatCount(tokens)} characters${size}, ${formatCount(vocabulary)} different`
    : `${formatCount(tokens)} tokens${size} from a vocabulary of ${formatCount(vocabulary)}`;
}

/** Points out anything unexpected about how a text was read; null when there is nothing. */
export function readingLine(
  { endMarks, unlearned }: Pick<TextFacts, 'endMarks' | 'unlearned'>,
  tokenizer: TokenizerChoice,
): string | null {
  const lines = [];
  if (endMarks > 0) lines.push(endMarksLine(endMarks, tokenizer));
  if (unlearned > 0) {
    const left = `${formatMegabytes(unlearned)} MB`;
    lines.push(
      `BPE tokens were learned from its first 8 MiB of different words; ${left} of other words were left out.`,
    );
  }
  return lines.length > 0 ? lines.join(' ') : null;
}

function endMarksLine(endMarks: number, tokenizer: TokenizerChoice): string {
  const marks = `<|endoftext|> occurs ${formatTimes(endMarks)}`;
  if (tokenizer === 'gpt2-eot') return `${marks} and marks the end of a document (token 50,256).`;
  if (tokenizer === 'model') return `${marks} and is read as the model's tokenizer has it.`;
  const other = tokenizer === 'gpt2' ? '' : "; GPT-2's tokenizer has a token for it";
  return `${marks} and is read as ordinary characters${other}.`;
}

function formatTimes(count: number): string {
  return count === 1 ? 'once' : `${formatCount(count)} times`;
}
