/** Settings of simulated quantisation whose levels are data: rows of the table in table.ts. */
import {
  INTEGER_EXAMPLE,
  INTEGER_RANGES,
  type IntegerRange,
  isIntegerMode,
  SCHEDULES,
  type ScheduleName,
  scheduleEndingAt,
} from '../../precision/levels.ts';
import { choice, titlesOf } from './row.ts';

export const LEVEL_ROWS = {
  /** The stages of precision that a run goes through. Its mode is the last of them. */
  precisionSchedule: choice({
    default: 'none' as ScheduleName,
    option: 'precision-schedule',
    group: 'quantization',
    label: 'Precision schedule',
    help: 'raises precision in stages when the loss stops falling, up to that of the mode: pfq from 3 to 8 bits with i8g8, pfq-float from e5m1 to bf16 with e8m7',
    titles: titlesOf(SCHEDULES),
    takenBy: {
      modes: (mode) => scheduleEndingAt(mode) !== undefined,
      others: 'is not the last stage of a schedule',
      instead: 'i8g8 for pfq, or e8m7 for pfq-float',
    },
    compared: ['none', 'pfq', 'pfq-float'],
    inPyTorch: ['none'],
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
