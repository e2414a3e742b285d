/** Kernels that round operands to the levels of a simulated format, and that choose the stage of a precision schedule. */
import { dispatch } from '../gpu/dispatch.ts';
import type { Dispatch, Target } from '../gpu/operation.ts';
import { levelsOf, type Operand, type Tensor } from '../gpu/tensor.ts';
import { LEVEL_ROLES, levelWord, type Stage } from '../precision/levels.ts';

/** Words of the table before the levels of each stage; see shaders/stage_decide.wgsl. */
const TABLE = 17;
const STAGE_WORD = 3;
const THRESHOLD_WORD = 7;
const FORCED_WORD = 15;
const USED_WORD = 16;
/** Most workgroups that look for the range of a tensor; each of those that round it reads all their results. */
const GROUPS = 16;

/** The rule of FracTrain's progressive schedule: the threshold of a turning point, and its decay after the first two. */
export const TURNING = { threshold: 0.05, decay: 0.3 } as const;

export function levelTableWords(stages: readonly Stage[]): number {
  return TABLE + LEVEL_ROLES.length * stages.length;
}

/** The table at a stage, from 0: the first before step 1, and the last where a finished model reads it. */
export function levelTable(stages: readonly Stage[], stage = 0): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(levelTableWords(stages));
  words[STAGE_WORD] = stage;
  words[USED_WORD] = stage;
  new Float32Array(words.buffer)[THRESHOLD_WORD] = TURNING.threshold;
  for (const [role, name] of LEVEL_ROLES.entries()) {
    words[role] = levelWord(stages[stage]![name]);
    for (const [index, each] of stages.entries())
      words[TABLE + LEVEL_ROLES.length * index + role] = levelWord(each[name]);
  }
  return words;
}

/** The numbers, from 0, of the stage of the last step and of the next one, and how many were reached because their turn had come. */
export function stageOf(table: Uint32Array): {
  readonly used: number;
  readonly next: number;
  readonly forced: number;
} {
  return { used: table[USED_WORD]!, next: table[STAGE_WORD]!, forced: table[FORCED_WORD]! };
}

/** Elements of the scratch that {@link quantizeLevels} needs for an operand; 0 without levels. */
export function levelScratch(out: Operand): number {
  return levelsOf(out) === undefined ? 0 : 2 * GROUPS;
}

interface LevelArgs {
  readonly label: string;
  readonly inp: Operand;
  /** An operand with levels. */
  readonly out: Operand;
  readonly levels: Tensor;
}

/**
 * out = inp, rounded to the levels of the role of `out` with one range for the whole tensor, f32. Output gradients round at random.
 * @param args `partials`: ({@link levelScratch}) f32
 */
export function quantizeLevels(
  target: Target,
  args: LevelArgs & {
    readonly elements: number;
    readonly partials: Tensor;
    readonly state: Operand;
    readonly seed: number;
  },
): Dispatch[] {
  const { label, inp, out, elements, levels, partials, state, seed } = args;
  const vectors = elements / 4;
  const groups = Math.min(GROUPS, Math.ceil(vectors / 64));
  const role = levelsOf(out)!;
  const noisy = role === 'outputGradient';
  return [
    dispatch(target, 'level_range', {
      operands: { inp },
      tensors: { partials },
      writes: ['partials'],
      uniforms: { vectors, groups },
      grid: [groups, 1, 1],
      label: `${label} range`,
    }),
    dispatch(target, 'quantize_levels', {
      operands: { inp, out },
      tensors: { partials, levels, state: noisy ? state : undefined },
      writes: ['out'],
      uniforms: { vectors, groups, role: LEVEL_ROLES.indexOf(role), seed: noisy ? seed : undefined },
      conditions: { noisy },
      grid: [groups, 1, 1],
      label,
    }),
  ];
}

/** out = inp, (rows, columns), rounded to the levels of weights with a range for each column, f32. */
export function quantizeLevelColumns(
  target: Target,
  args: LevelArgs & { readonly rows: number; readonly columns: number },
): Dispatch {
  const { label, inp, out, levels, rows, columns } = args;
  return dispatch(target, 'quantize_level_columns', {
    operands: { inp, out },
    tensors: { levels },
    writes: ['out'],
    uniforms: { rows, c4: columns / 4, role: LEVEL_ROLES.indexOf('weight') },
    grid: [Math.ceil(columns / 4 / 64), 1, 1],
    label,
  });
}

/** When stages are decided, in attempted steps. */
export interface StageTimes {
  /** Steps whose mean loss is one observation. */
  readonly window: number;
  /** Step after which the second, third and fourth stage is reached at the latest. */
  readonly forced: readonly [number, number, number];
}

/** Chooses the stage of the next step. */
export function stageDecide(args: {
  readonly state: Operand;
  readonly levels: Operand;
  readonly stages: number;
  readonly times: StageTimes;
}): Dispatch {
  const { state, levels, stages, times } = args;
  const [firstForced, secondForced, thirdForced] = times.forced;
  const { window } = times;
  return dispatch(null, 'stage_decide', {
    tensors: { state, levels },
    writes: ['levels'],
    uniforms: { window, stages, decay: TURNING.decay, firstForced, secondForced, thirdForced },
    grid: [1, 1, 1],
    label: 'precision stage',
  });
}
