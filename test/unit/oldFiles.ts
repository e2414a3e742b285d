/** One file of each kind that users keep, written by the commit in the fixtures' README, and their expected contents. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type SafetensorsFile, tensorPieces } from '../../src/engine/checkpoint/safetensors.ts';

const FOLDER = fileURLToPath(new URL('../fixtures/old-files', import.meta.url));

export const pathOf = (name: string): string => join(FOLDER, name);
export const bytesOf = (name: string): Buffer => readFileSync(pathOf(name));
export const textOf = (name: string): string => bytesOf(name).toString('utf8');

/** The output of `--json`. */
export interface PrintedStep {
  readonly step: number;
  readonly loss: number;
  readonly lossScale: number;
  readonly skipped: boolean;
  readonly gradNorm: number | null;
  readonly lr: number;
}

export interface KnownRun {
  readonly config: Readonly<Record<string, unknown>>;
  readonly progress: { readonly attempted: number };
  readonly firstLoss: number;
  readonly text: { readonly checksum: string; readonly builtin: string | null };
  readonly kernels: { readonly matmul: string };
  readonly storage: string | null;
  /** Dtype, shape and the first 16 digits of the SHA-256 of each tensor. */
  readonly tensors: Readonly<Record<string, string>>;
  /** The results of resuming it with the version that saved it. */
  readonly resumed: {
    readonly steps: readonly PrintedStep[];
    readonly evaluations: readonly { readonly step: number; readonly valLoss: number }[];
    readonly tensors?: Readonly<Record<string, string>>;
  };
}

export interface KnownFiles {
  readonly runs: Readonly<Record<RunName, KnownRun>>;
  readonly export: Readonly<Record<string, string>>;
}

/** Runs that later versions continue with the same numbers, but for the order of sums. */
export const SAME_NUMBERS = ['terminal-fp16', 'terminal-fp8-delayed', 'page-bf16-split'] as const;
/** With the run of a mode that has another revision. */
export const RUN_NAMES = [...SAME_NUMBERS, 'terminal-fp8-row'] as const;
export type RunName = (typeof RUN_NAMES)[number];

/** What settings are called that had another name when the files were written. */
const RENAMED = [
  ['fp8Head', 'quantizeHead'],
  ['fp8Activations', 'quantizeActivations'],
  ['fp8Margin', 'scaleMargin'],
  ['fp8-head', 'quantize-head'],
  ['fp8-activations', 'quantize-activations'],
  ['fp8-margin', 'scale-margin'],
] as const;

/** What a file says, under the names that settings have. */
export function inCurrentNames(text: string): string {
  return RENAMED.reduce((read, [old, name]) => read.replaceAll(old, name), text);
}

const expected: KnownFiles = JSON.parse(inCurrentNames(textOf('expected.json')));
const revised: KnownRun = JSON.parse(inCurrentNames(textOf('expected-fp8-row.json')));
export const KNOWN: KnownFiles = {
  ...expected,
  runs: { ...expected.runs, 'terminal-fp8-row': revised },
};

/** The file's tensors, as {@link KnownRun.tensors} has them. */
export async function tensorsIn(file: SafetensorsFile): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, tensor] of file.tensors) {
    const sum = createHash('sha256');
    for await (const piece of tensorPieces(file, tensor)) sum.update(piece);
    found[name] = `${tensor.dtype} [${tensor.shape.join(', ')}] ${sum.digest('hex').slice(0, 16)}`;
  }
  return found;
}
