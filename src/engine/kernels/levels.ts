/** Kernels that round operands to the levels of a simulated format, and that choose the stage of a precision schedule. */
import { dispatch } from '../gpu/dispatch.ts';
import { treeForm } from '../gpu/lanes.ts';
import type { Dispatch, Target } from '../gpu/operation.ts';
import { levelsOf, type Operand, type Tensor } from '../gpu/tensor.ts';
import { LEVEL_ROLES, type LevelRole, levelWord, NOISE_HYSTERESIS, type Stage } from '../precision/levels.ts';

/** Words of the table before the levels of each stage; see shaders/stage_decide.wgsl. */
const TABLE = 17;
const STAGE_WORD = 3;
const THRESHOLD_WORD = 7;
const FORCED_WORD = 15;
const USED_WORD = 16;
/** Most workgroups that look for the range of a tensor; each of those that round it reads all their results. */
const GROUPS = 16;
/** Lanes of a workgroup, which add up noise in a tree. */
const TREE = treeForm(64);

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

/** The levels of a run. */
export interface RunLevels {
  /** As {@link levelTable}, or as {@link blockLevelTable} where each block has its own. */
  readonly table: Tensor;
  /** Present where each block has its own. */
  readonly ofBlocks?: BlockLevels | undefined;
}

/** Where the noise of operands is measured; see shaders/noise_decide.wgsl. */
export interface BlockLevels {
  readonly blocks: number;
  /** Workgroups that round a weight at most. */
  readonly weightGroups: number;
  /** Noise over signal, ({@link noiseElements}) f32. Each step clears and fills it. */
  readonly noise: Tensor;
}

/** Most workgroups that round a weight with so many columns. */
export function columnGroups(columns: number): number {
  return Math.ceil(columns / 4 / 64);
}

/** f32 of the noise of a role, and of all before it: activations, then weights. */
export function noiseElements({
  blocks,
  weightGroups,
}: Omit<BlockLevels, 'noise'>): Readonly<Record<'activation' | 'weight', number>> {
  return { activation: 4 * blocks * GROUPS, weight: 4 * blocks * weightGroups };
}

/** The table where each block has a stage of its own, from 0. */
export function blockLevelTable(
  stages: readonly Stage[],
  stagesOfBlocks: readonly number[],
): Uint32Array<ArrayBuffer> {
  const blocks = stagesOfBlocks.length;
  const words = new Uint32Array(blockTableWords(stages, blocks));
  const roles = LEVEL_ROLES.length;
  const write = (at: number, stage: Stage) =>
    words.set(
      LEVEL_ROLES.map((role) => levelWord(stage[role])),
      at,
    );
  for (const [block, stage] of stagesOfBlocks.entries()) {
    write(roles * block, stages[stage]!);
    write(roles * (blocks + block), stages[Math.max(stage - 1, 0)]!);
  }
  words.set(stagesOfBlocks, 2 * roles * blocks);
  words.set(stagesOfBlocks, (2 * roles + 1) * blocks);
  for (const [index, stage] of stages.entries()) write((2 * roles + 3) * blocks + roles * index, stage);
  return words;
}

export function blockTableWords(stages: readonly Stage[], blocks: number): number {
  const roles = LEVEL_ROLES.length;
  return (2 * roles + 3) * blocks + roles * stages.length;
}

/** The stages, from 0, that the blocks had in the last step, and their noise when it was last decided; 0 before. */
export function readBlocks(
  table: Uint32Array<ArrayBuffer>,
  blocks: number,
): { readonly used: readonly number[]; readonly noise: readonly number[] } {
  const first = (2 * LEVEL_ROLES.length + 1) * blocks;
  const words = table.slice(first, first + 2 * blocks);
  return { used: [...words.subarray(0, blocks)], noise: [...new Float32Array(words.buffer, 4 * blocks)] };
}

interface LevelArgs {
  readonly label: string;
  readonly inp: Operand;
  /** An operand with levels. */
  readonly out: Operand;
  readonly levels: RunLevels;
}

/** Which words of the table an operand's levels are, and where its noise is added if it is measured. */
function levelUniforms(
  { role, block }: { readonly role: LevelRole; readonly block: number },
  ofBlocks: BlockLevels | undefined,
): { readonly level: number; readonly below?: number; readonly place?: number } {
  const level = LEVEL_ROLES.length * block + LEVEL_ROLES.indexOf(role);
  if (!ofBlocks) return { level };
  const { blocks, weightGroups } = ofBlocks;
  const place = role === 'weight' ? blocks * GROUPS + block * weightGroups : block * GROUPS;
  return { level, below: LEVEL_ROLES.length * blocks + level, place };
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
    /** Whether the noise of activations is measured where blocks have their own levels. */
    readonly measures?: boolean;
  },
): Dispatch[] {
  const { label, inp, out, elements, levels, partials, state, seed, measures = false } = args;
  const vectors = elements / 4;
  const groups = Math.min(GROUPS, Math.ceil(vectors / 64));
  const place = levelsOf(out)!;
  const noisy = place.role === 'outputGradient';
  const measured = measures && !noisy ? levels.ofBlocks : undefined;
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
      tensors: {
        partials,
        levels: levels.table,
        state: noisy ? state : undefined,
        levelNoise: measured?.noise,
      },
      writes: ['out', 'levelNoise'],
      uniforms: { vectors, groups, ...levelUniforms(place, measured), seed: noisy ? seed : undefined },
      conditions: { ...TREE.conditions, noisy, measured: measured !== undefined },
      constants: TREE.constants,
      grid: [groups, 1, 1],
      label,
    }),
  ];
}

/**
 * out = inp, (rows, columns), rounded to the levels of weights with a range for each column, f32. Its noise is measured where
 * blocks have their own levels.
 */
export function quantizeLevelColumns(
  target: Target,
  args: LevelArgs & { readonly rows: number; readonly columns: number },
): Dispatch {
  const { label, inp, out, levels, rows, columns } = args;
  return dispatch(target, 'quantize_level_columns', {
    operands: { inp, out },
    tensors: { levels: levels.table, levelNoise: levels.ofBlocks?.noise },
    writes: ['out', 'levelNoise'],
    uniforms: { rows, c4: columns / 4, ...levelUniforms(levelsOf(out)!, levels.ofBlocks) },
    conditions: { ...TREE.conditions, measured: levels.ofBlocks !== undefined },
    constants: TREE.constants,
    grid: [columnGroups(columns), 1, 1],
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

/** Chooses the stage of each block for the next step. @param threshold of the relative noise of a block */
export function noiseDecide(args: {
  readonly state: Operand;
  readonly table: Operand;
  readonly ofBlocks: BlockLevels;
  readonly stages: number;
  readonly window: number;
  readonly threshold: number;
}): Dispatch {
  const { state, table: levels, ofBlocks, stages, window, threshold } = args;
  const { blocks, weightGroups, noise } = ofBlocks;
  const lower = NOISE_HYSTERESIS * threshold;
  return dispatch(null, 'noise_decide', {
    tensors: { state, noise, levels },
    writes: ['levels'],
    uniforms: { window, blocks, stages, groups: GROUPS, weightGroups, threshold, lower },
    grid: [1, 1, 1],
    label: 'precision levels of blocks',
  });
}
