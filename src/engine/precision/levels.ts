/**
 * Simulated quantisation whose levels are data: operands of the blocks' matmuls are rounded to few levels and stored in f32. A
 * mode `i<B>g<G>` has integers of B bits for activations and weights and of G bits for output gradients (arXiv 2012.13113), and
 * a schedule goes through several such stages in one run, with the same kernels and tensors.
 */
import { isSimulatedMode, type Rounding, type SimulatedMode, simulatedBits } from './simulated.ts';

/** The operands that are rounded, in the order of the table of levels. */
export const LEVEL_ROLES = ['activation', 'weight', 'outputGradient'] as const;
export type LevelRole = (typeof LEVEL_ROLES)[number];

/** Whether integers span the smallest to the largest value of what shares a range, or are symmetric around zero. */
export const INTEGER_RANGES = ['affine', 'symmetric'] as const;
export type IntegerRange = (typeof INTEGER_RANGES)[number];

/** The levels of an operand. Integers have 2^bits; floats have a sign, and a power-of-two scale below 8 exponent bits. */
export type Level =
  | { readonly kind: 'integer'; readonly bits: number; readonly range: IntegerRange }
  | {
      readonly kind: 'float';
      readonly exponentBits: number;
      readonly mantissaBits: number;
      readonly rounding: Rounding;
    };

/** One stage of a run. */
export interface Stage extends Readonly<Record<LevelRole, Level>> {
  readonly name: string;
}

export type IntegerMode = `i${number}g${number}`;

/** The form of their names, for messages. */
export const INTEGER_EXAMPLE = 'i<B>g<G>, such as i8g8';

/** Bits of operands and of output gradients; null for other names. */
export function integerBits(mode: string): { readonly bits: number; readonly gradientBits: number } | null {
  const match = /^i([2-8])g([2-8])$/.exec(mode);
  return match && { bits: Number(match[1]), gradientBits: Number(match[2]) };
}

export function isIntegerMode(mode: string): mode is IntegerMode {
  return integerBits(mode) !== null;
}

/** A hint for a name that has the form of such a mode but other bits; null for other names. */
export function integerHint(name: string): string | null {
  if (!/^i\d+g\d+$/i.test(name)) return null;
  return 'Modes with simulated integers are i<B>g<G> with B and G from 2 to 8, such as i8g8.';
}

function integerStage(mode: IntegerMode, range: IntegerRange): Stage {
  const { bits, gradientBits } = integerBits(mode)!;
  const operand: Level = { kind: 'integer', bits, range };
  return {
    name: mode,
    activation: operand,
    weight: operand,
    outputGradient: { kind: 'integer', bits: gradientBits, range },
  };
}

function floatStage(mode: SimulatedMode, rounding: Rounding): Stage {
  const level: Level = { kind: 'float', ...simulatedBits(mode)!, rounding };
  return { name: mode, activation: level, weight: level, outputGradient: level };
}

/** Fewest steps of a run with a schedule, which observes the loss, or noise, after so many equal parts of it. */
export const LEAST_SCHEDULED_STEPS = 40;

interface Schedule {
  readonly title: string;
  /** The modes of its stages. A run has the last one as its mode, at which it ends. */
  readonly modes: readonly string[];
}

const FRACTRAIN_STAGES = ['i3g6', 'i4g6', 'i6g8', 'i8g8'] as const;

/**
 * The stages are those of FracTrain's progressive fractional quantisation (arXiv 2012.13113), and ours for floats. With `noise`
 * each block has a stage of its own, which follows from its quantisation noise: ours, after the paper's DFQ, which has a gate.
 */
export const SCHEDULES = {
  none: { title: 'none', modes: [] },
  pfq: { title: 'progressive, 3 to 8 bits', modes: FRACTRAIN_STAGES },
  noise: { title: 'noise-driven for each block, 3 to 8 bits', modes: FRACTRAIN_STAGES },
  'pfq-float': { title: 'progressive floats', modes: ['e5m1', 'e5m2', 'e4m3', 'e8m7'] },
} as const satisfies Readonly<Record<string, Schedule>>;
export type ScheduleName = keyof typeof SCHEDULES;

/** The schedule that ends at a mode; undefined if none does. */
export function scheduleEndingAt(mode: string): ScheduleName | undefined {
  return (Object.keys(SCHEDULES) as ScheduleName[]).find((name) => {
    const { modes }: Schedule = SCHEDULES[name];
    return modes.at(-1) === mode;
  });
}

/** The stages of a run: those of its schedule, or one. @param mode i<B>g<G>, or the mode at which the schedule ends */
export function stagesOf(
  mode: string,
  schedule: ScheduleName,
  range: IntegerRange,
  rounding: Rounding,
): readonly Stage[] {
  const { modes }: Schedule = SCHEDULES[schedule];
  return (modes.length > 0 ? modes : [mode]).map((each) => {
    if (isIntegerMode(each)) return integerStage(each, range);
    if (isSimulatedMode(each)) return floatStage(each, rounding);
    throw new RangeError(`${each} has no levels`);
  });
}

/** Threshold of the schedule `noise`: that of activations plus that of weights, each as a share of their energy. */
export const NOISE_THRESHOLD = 0.1;

/** With `noise` a block goes down when it would have less than this share of the threshold there. */
export const NOISE_HYSTERESIS = 0.5;

function bitsOf(level: Level): number {
  return level.kind === 'integer' ? level.bits : 1 + level.exponentBits + level.mantissaBits;
}

/**
 * Simulated cost of a multiply-add of the blocks' matmuls, as a share of one with two operands of 32 bits: the product of the
 * operands' bits over 1,024, the mean of the three products of a training step (FracTrain).
 */
export function stageCost({ activation, weight, outputGradient }: Stage): number {
  const [a, w, g] = [bitsOf(activation), bitsOf(weight), bitsOf(outputGradient)];
  return (a * w + w * g + a * g) / 3 / 1024;
}

const KINDS = { affine: 1, symmetric: 2, rne: 3, rz: 4 } as const;

/** The word of a level in the table that kernels read; see shaders/lib/levels.wgsl. */
export function levelWord(level: Level): number {
  if (level.kind === 'integer') return KINDS[level.range] | (level.bits << 8);
  return KINDS[level.rounding] | (level.exponentBits << 8) | (level.mantissaBits << 16);
}
