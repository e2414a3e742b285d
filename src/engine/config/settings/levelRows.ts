/** Settings of simulated quantisation whose levels are data: rows of the table in table.ts. */
import {
  INTEGER_EXAMPLE,
  INTEGER_RANGES,
  type IntegerRange,
  isIntegerMode,
  NOISE_THRESHOLD,
  SCHEDULES,
  type ScheduleName,
  scheduleEndingAt,
} from '../../precision/levels.ts';
import { choice, number, titlesOf } from './row.ts';

export const LEVEL_ROWS = {
  /** The stages of precision that a run goes through. Its mode is the last of them. */
  precisionSchedule: choice({
    default: 'none' as ScheduleName,
    option: 'precision-schedule',
    group: 'quantization',
    label: 'Precision schedule',
    help: 'raises precision in stages when the loss stops falling, up to that of the mode: pfq from 3 to 8 bits with i8g8, pfq-float from e5m1 to bf16 with e8m7. noise gives each block the lowest of the levels of pfq whose measured noise is below a threshold: ours, after the DFQ of the same paper, and not its gate',
    titles: titlesOf(SCHEDULES),
    takenBy: {
      modes: (mode) => scheduleEndingAt(mode) !== undefined,
      others: 'is not the last stage of a schedule',
      instead: 'i8g8 for pfq or noise, or e8m7 for pfq-float',
    },
    compared: ['none', 'pfq', 'noise', 'pfq-float'],
    disables: { none: ['noiseThreshold'], pfq: ['noiseThreshold'], 'pfq-float': ['noiseThreshold'] },
    inPyTorch: ['none'],
  }),
  /** With the schedule `noise`: the noise above which a block has more bits. */
  noiseThreshold: number({
    default: null,
    low: 1e-6,
    high: 1,
    whole: false,
    option: 'noise-threshold',
    group: 'quantization',
    label: 'Noise threshold',
    unit: 'share',
    help: 'of precision-schedule noise: the relative noise of a block, its activations and its weights added, above which it has more bits; below half of that it has fewer',
    standard: String(NOISE_THRESHOLD),
    takenBy: {
      modes: (mode) => mode === SCHEDULES.noise.modes.at(-1),
      others: 'is not where precision-schedule noise ends',
      instead: 'i8g8',
    },
    compared: ['0.01', '0.1', '0.5'],
  }),
  /** What integers span; null takes the default. */
  integerRange: choice({
    default: null,
    option: 'integer-range',
    group: 'quantization',
    label: 'Range of integers',
    help: 'of simulated integers, i<B>g<G>: from the smallest to the largest value (affine, as FracTrain), or symmetric around zero, which then is a level',
    standard: INTEGER_RANGES[0],
    titles: { affine: 'affine', symmetric: 'symmetric' } satisfies Record<IntegerRange, string>,
    takenBy: { modes: isIntegerMode, others: 'has no simulated integers', instead: INTEGER_EXAMPLE },
    compared: INTEGER_RANGES,
    inPyTorch: [null],
  }),
};
