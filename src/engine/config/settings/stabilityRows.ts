/** Settings of steps that go wrong, and of what announces them: rows of the table in table.ts. */
import { canOverflow, type OverflowPolicy } from '../../precision/overflow.ts';
import { recipeOf } from '../../precision/recipes.ts';
import { SUMS, type Sums } from '../../precision/sums.ts';
import { choice, flag } from './row.ts';

const training = { group: 'training' } as const;

export const STABILITY_ROWS = {
  /** Measures the root mean square of each parameter's update. Changes memory and speed, and not one bit of the results. */
  updateRms: flag({
    planned: true,
    ...training,
    default: false,
    given: true,
    option: 'update-rms',
    label: 'Update RMS',
    help: "measures the root mean square of each parameter's update in every step, as StableAdamW does, and warns where it announces a loss spike; parameters without a second moment have none",
    titles: { off: 'not measured', on: 'measured' },
  }),
  /** What a step with non-finite gradients skips: itself, or only the parameters that have them. */
  skip: choice({
    planned: true,
    ...training,
    default: 'step',
    option: 'skip',
    label: 'Skip',
    help: 'what is skipped when gradients are not finite: the whole step, or only the update of each tensor that has such a gradient, whose number of applied steps then stays behind',
    titles: { step: 'the step', tensor: 'the tensor' },
    compared: ['step', 'tensor'],
    inPyTorch: ['step'],
  }),
  /** How loss and gradient norm are summed. */
  sums: choice({
    planned: true,
    ...training,
    default: 'f32',
    option: 'sums',
    label: 'Sums of loss and gradient norm',
    help: 'f32 in a fixed order, or 64-bit integers (fx64), which no order of equal losses or gradients changes',
    titles: { f32: 'f32', fx64: '64-bit fixed point' } satisfies Record<Sums, string>,
    compared: SUMS,
    inPyTorch: ['f32'],
  }),
  /** What happens to gradients that overflow; null takes the mode's own, which is to skip. */
  overflow: choice({
    planned: true,
    ...training,
    default: null,
    option: 'overflow',
    label: 'Overflowed gradients',
    help: 'in f16 without a dynamic loss scale: skip the step, clamp gradients to the largest f16 value, or set those that are not finite to zero and apply the step',
    standard: 'skip',
    titles: { skip: 'skip the step', clamp: 'clamp', zero: 'set to zero' } satisfies Record<
      OverflowPolicy,
      string
    >,
    takenBy: {
      modes: (mode) => canOverflow(recipeOf(mode)),
      others: 'stores no f16 without a dynamic loss scale',
    },
    compared: ['skip', 'clamp', 'zero'],
    inPyTorch: [null, 'skip'],
  }),
};
