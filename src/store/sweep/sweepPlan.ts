/** The form of a sweep, and the sweep that it makes with the settings of the Train screen. */

import {
  type PlannedRun,
  PRESETS,
  type PrecisionMode,
  sweepPlan as planCells,
  sweepGrid,
} from '../../engine/index.ts';
import { overridesOf, type Problem, problemOf, type Settings } from '../settings.ts';
import { readNumber, typedProblem } from '../typedNumber.ts';
import { readNumbers } from './numberList.ts';
import type { SweepPlan } from './records.ts';

/** The form as typed. */
export interface SweepForm {
  readonly modes: readonly PrecisionMode[];
  /** Modes that are not in the list, and variants, separated by commas. */
  readonly otherModes: string;
  readonly learningRates: string;
  readonly seeds: string;
  /** Empty for the preset's value. */
  readonly steps: string;
}

export const DEFAULT_FORM: SweepForm = {
  modes: ['fp32', 'fp16'],
  otherModes: '',
  learningRates: '3e-4, 1e-3, 3e-3',
  seeds: '2',
  steps: '',
};

/** Everything of a sweep but its name and time. */
export type PlannedSweep = Pick<SweepPlan, 'preset' | 'given' | 'text' | 'grid'>;

/** @returns the sweep, or what is wrong with the form, the settings, or their combination */
export function planSweep(
  form: SweepForm,
  settings: Settings,
): { readonly plan: PlannedSweep; readonly cells: number } | { readonly problem: Problem } {
  const modes = [...form.modes, ...words(form.otherModes)];
  const rates = readNumbers(form.learningRates);
  if ('word' in rates) {
    return {
      problem: {
        message: `"${rates.word}" is not a learning rate. ${rates.why}`,
        hint: 'Write several as 3e-4, 1e-3, 3e-3.',
      },
    };
  }
  const steps = form.steps.trim() === '' ? settings.steps : readNumber(form.steps);
  const seeds = readNumber(form.seeds);
  if (seeds === null) return { problem: noNumber(form.seeds, 'seeds') };
  if (steps === null && form.steps.trim() !== '') return { problem: noNumber(form.steps, 'steps') };
  const { preset, text, init } = settings;
  if (init) {
    return {
      problem: {
        message: `A sweep starts from random weights, but the settings start from those of "${init.name}".`,
        hint: 'Remove the file on the Train screen.',
      },
    };
  }
  let planned: { plan: PlannedSweep; cells: number } | undefined;
  const problem = problemOf(() => {
    const { seed, learningRate: _, evalEvery: __, ...rest } = overridesOf({ ...settings, steps });
    const grid = sweepGrid(modes, rates, seeds, seed ?? PRESETS[preset].config.seed);
    const plan = { preset, given: rest, text, grid };
    planned = { plan, cells: runsOfSweep(plan).length };
  });
  return planned ?? { problem: problem! };
}

/** @throws EngineError when the values are invalid together */
export function runsOfSweep({ preset, given, grid }: PlannedSweep): PlannedRun[] {
  return planCells(PRESETS[preset].config, given, grid);
}

function noNumber(text: string, of: string): Problem {
  const hint = (text.trim() && typedProblem(text)) || 'Write digits, for example 3.';
  return { message: `"${text}" is not a number of ${of}.`, hint };
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}
