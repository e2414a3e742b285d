/** Sentences about the download of a model, and about what an opened one says of a text. */
import { type PrecisionMode, type Score, variantTitle } from '../../../engine/index.ts';
import type { FileProgress } from '../../../session/protocol.ts';
import { formatCount, formatMegabytes } from '../../format.ts';

/** "model-00001-of-00002.safetensors, file 1 of 2, 12.0 of 40.0 MB. It can be resumed." */
export function loadingLine(progress: FileProgress | null): string {
  if (progress === null) return 'Waiting for the server.';
  const { name, part, parts, resumable } = progress;
  const place = parts > 1 ? `, file ${part} of ${parts}` : '';
  const later =
    resumable === null
      ? ''
      : resumable
        ? ' After a break it continues where it was.'
        : ' This server sends only whole files: after a break the file starts again.';
  return `${name}${place}, ${amountOf(progress)}.${later}`;
}

/** Share of the current file, from 0 to 1; null where its size is unknown. */
export function loadingShare(progress: FileProgress | null): number | null {
  if (!progress?.size) return null;
  return Math.min(1, progress.bytes / progress.size);
}

/** What is left of a download that was cancelled. */
export function stoppedLine(progress: FileProgress | null): string {
  if (progress === null || progress.bytes === 0) return 'Nothing had arrived yet.';
  const { name, resumable } = progress;
  return resumable
    ? `${amountOf(progress)} of ${name} are kept, and so are the files before it.`
    : `The files before ${name} are kept. This one starts again, because its server sends only whole files.`;
}

function amountOf({ bytes, size }: FileProgress): string {
  const done = formatMegabytes(bytes);
  return size === null ? `${done} MB` : `${done} of ${formatMegabytes(size)} MB`;
}

/** "4 tokens, loss 0.068523 nats, perplexity 1.071, in FP32". */
export function scoreLine({ tokens, loss, perplexity }: Score, precision: PrecisionMode): string {
  const count = `${formatCount(tokens)} ${tokens === 1 ? 'token' : 'tokens'}`;
  return `${count}, loss ${loss.toFixed(6)} nats, perplexity ${perplexity.toPrecision(4)}, in ${variantTitle(precision)}`;
}
