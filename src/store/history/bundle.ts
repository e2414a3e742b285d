/** Several runs in one file that can be imported here or in another browser. */
import * as v from 'valibot';
import type { Problem } from '../settings.ts';
import { BUNDLE_FORMAT } from './bundleHead.ts';
import { describeIssue, type RunRecord, runRecord } from './record.ts';

const BUNDLE_VERSION = 1;

/** Room for about a hundred of the longest runs. */
export const MAX_BUNDLE_BYTES = 64 * 2 ** 20;
const MAX_BUNDLE_RUNS = 5000;

const bundle = v.object({
  format: v.literal(BUNDLE_FORMAT),
  version: v.literal(BUNDLE_VERSION),
  runs: v.pipe(v.array(runRecord), v.maxLength(MAX_BUNDLE_RUNS)),
});

export function writeBundle(runs: readonly RunRecord[]): string {
  return JSON.stringify({
    format: BUNDLE_FORMAT,
    version: BUNDLE_VERSION,
    runs: [...runs],
  } satisfies v.InferInput<typeof bundle>);
}

const NO_OBJECT = /^\s*[^\s{]/;

export type BundleReading = { readonly runs: readonly RunRecord[] } | { readonly problem: Problem };

/** Reads a bundle completely or not at all: every run is validated before any is returned. */
export async function readBundle(file: Blob): Promise<BundleReading> {
  if (file.size > MAX_BUNDLE_BYTES) {
    const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
    return refused(
      `The file has ${mib(file.size)}; a bundle may have at most ${mib(MAX_BUNDLE_BYTES)}.`,
      'Export fewer runs at a time.',
    );
  }
  let text: string;
  try {
    text = await file.text();
  } catch (cause) {
    return refused(`The file cannot be read: ${reasonOf(cause)}.`, 'Choose it again.');
  }
  return parseBundle(text);
}

export function parseBundle(text: string): BundleReading {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    if (NO_OBJECT.test(text))
      return refused('The file is not a bundle of runs: it is not JSON.', NOT_A_BUNDLE);
    return refused(
      `The file is incomplete JSON of ${text.length} characters: ${reasonOf(cause)}.`,
      'It may have been truncated. Export it again, or copy it again.',
    );
  }
  const head = v.safeParse(
    v.object({ format: v.optional(v.unknown()), version: v.optional(v.unknown()) }),
    content,
  );
  if (!head.success || head.output.format !== BUNDLE_FORMAT) {
    return refused(`The file is not a bundle of runs: it lacks "format": "${BUNDLE_FORMAT}".`, NOT_A_BUNDLE);
  }
  if (head.output.version !== BUNDLE_VERSION) {
    return refused(
      `The bundle has version ${quote(head.output.version)}, and this page reads version ${BUNDLE_VERSION}.`,
      'Reload the page to get its newest version, or export the runs from a page of this version.',
    );
  }
  const parsed = v.safeParse(bundle, content, { abortEarly: true });
  if (parsed.success) return { runs: parsed.output.runs };
  return refused(
    `The bundle cannot be read at ${describeIssue(parsed.issues[0])}.`,
    'It was changed or damaged after it was written.',
  );
}

const NOT_A_BUNDLE =
  'Choose a file written by the Export button of the Runs screen. To train on a text, drop it on the Train screen.';

function refused(message: string, hint: string): BundleReading {
  return { problem: { message, hint: `${hint} Nothing was imported, and no run was changed.` } };
}

function reasonOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 200);
}

function quote(value: unknown): string {
  return (JSON.stringify(value) ?? 'undefined').slice(0, 40);
}
