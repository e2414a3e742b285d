/** What FP8 runs of trillions of tokens fail by (arXiv 2409.12517): aligned branches of gated MLPs, and second moments at their floor. */
import type { Dispatch, Target } from '../gpu/operation.ts';
import { slice } from '../gpu/tensor.ts';
import {
  ALIGNMENT_UNIT,
  ALIGNMENT_WORDS,
  BINS,
  EXPONENT_BIAS,
  exponentHistogram,
  gateAlignment,
  ZERO_BIN,
} from '../kernels/numerics.ts';
import { STEP_STATE_WORDS } from '../kernels/stepState.ts';
import { flooredChunks, gatedWeights, longRunWords } from '../model/numericsRows.ts';
import type { RunTensors } from '../model/tensors.ts';

/** Cosines between the columns of gate and up of a gated MLP's channels, by magnitude. */
interface GateAlignment {
  /** Of the matrix. */
  readonly name: string;
  readonly largest: number;
  readonly mean: number;
  /** Share of the channels with 0.9 or more. */
  readonly aligned: number;
}

export interface LongRunTelemetry {
  /** Of each gated MLP. */
  readonly alignment: readonly GateAlignment[];
  /** Share of the second moments that are not zero and are stored as the smallest code; null where they have no floor. */
  readonly atFloor: number | null;
}

export interface LongRunSchedule {
  readonly operations: readonly Dispatch[];
  /** @param words of the histogram tensor. @returns null in runs with neither */
  read(words: Uint32Array<ArrayBuffer>): LongRunTelemetry | null;
}

/** Exponent of the smallest code of E5M2, which no other code has. */
const FLOOR_BIN = -16 + EXPONENT_BIAS;

export function buildLongRun(
  target: Target,
  { parameters, chunks, histogram }: Pick<RunTensors, 'parameters' | 'chunks' | 'histogram'>,
): LongRunSchedule {
  const gated = gatedWeights(parameters);
  const floored = flooredChunks(chunks);
  const first = histogram.elements - STEP_STATE_WORDS - longRunWords(parameters, chunks);
  const ofMoments = first + gated.length * ALIGNMENT_WORDS;
  const counts = slice(histogram, ofMoments, floored.length > 0 ? BINS : 0);
  const operations = [
    ...gated.map(({ spec: { name, rows, columns }, parts: [part] }, i) =>
      gateAlignment(target, {
        ...{ inp: part!.master, rows, columns, label: name },
        tally: slice(histogram, first + i * ALIGNMENT_WORDS, ALIGNMENT_WORDS),
      }),
    ),
    ...floored.map(({ states, elements }) =>
      exponentHistogram(target, { inp: states.v!, histogram: counts, elements, label: states.v!.name }),
    ),
  ];
  const read = (words: Uint32Array<ArrayBuffer>): LongRunTelemetry | null => {
    if (operations.length === 0) return null;
    const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
    const alignment = gated.map(({ spec: { name, columns } }, i): GateAlignment => {
      const at = first + i * ALIGNMENT_WORDS;
      const channels = columns / 2;
      return {
        name,
        largest: floats[at]!,
        mean: (words[at + 1]! * ALIGNMENT_UNIT) / channels,
        aligned: words[at + 2]! / channels,
      };
    });
    const bins = words.subarray(ofMoments, ofMoments + BINS);
    const kept = bins.reduce((sum, count, bin) => (bin === ZERO_BIN ? sum : sum + count), 0);
    return { alignment, atFloor: floored.length > 0 ? bins[FLOOR_BIN]! / Math.max(1, kept) : null };
  };
  return { operations, read };
}
