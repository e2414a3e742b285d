/** What values must be together: one sentence for each combination that makes no sense. */
import { EngineError } from '../../core/errors.ts';
import { COMPOUND_OPTIMIZERS, checkOptimizer } from '../../kernels/optimizers/table.ts';
import { formatInfo } from '../../precision/formats.ts';
import { LEAST_SCHEDULED_STEPS, SCHEDULES } from '../../precision/levels.ts';
import { checkMaster, goesWithMaster } from '../../precision/masters.ts';
import { momentsOf } from '../../precision/optimStates.ts';
import { ACTIVATION_GROUP } from '../../precision/quantization.ts';
import { formatsOf } from '../../precision/recipe.ts';
import { PRECISION_MODES, type PrecisionMode, recipeFor, recipeOf } from '../../precision/recipes.ts';
import { SIMULATED_EXAMPLE } from '../../precision/simulated.ts';
import { headSize, MLPS, mlpWidth } from '../gptConfig.ts';
import { healingSteps } from '../healing.ts';
import { FIELDS, type Field, rowOf, type TrainConfig } from './table.ts';

/** Whether a mode takes a setting. */
export function isTaken(field: Field, mode: PrecisionMode): boolean {
  return rowOf(field).takenBy?.modes(mode) ?? true;
}

/**
 * Refuses a setting that the mode does not take.
 * @throws EngineError BAD_VALUE naming both, and the modes that take it
 */
export function checkTaken(field: Field, value: unknown, mode: PrecisionMode): void {
  const { kind, option, default: unset, takenBy } = rowOf(field);
  if (!takenBy || value === unset || takenBy.modes(mode)) return;
  const takers: string[] = PRECISION_MODES.filter(takenBy.modes);
  throw new EngineError(
    'BAD_VALUE',
    `Mode ${mode} ${takenBy.others}, but ${option}${kind === 'flag' ? '' : ` ${value}`} was given.`,
    `Use ${takers.length > 0 ? listed(takers) : (takenBy.instead ?? SIMULATED_EXAMPLE)}, or leave ${option} out.`,
  );
}

/** "a, b or c". */
function listed(words: readonly string[]): string {
  return [words.slice(0, -1).join(', '), ...words.slice(-1)].filter(Boolean).join(' or ');
}

/**
 * Refuses what has no effect beside another value: what presets say is not refused, only what was given.
 * @throws EngineError BAD_VALUE naming both
 */
export function checkGiven(given: Partial<TrainConfig>, config: TrainConfig): void {
  for (const field of FIELDS) {
    const value = given[field];
    if (value !== undefined) checkTaken(field, value, config.precision);
  }
  checkEffect(config, (field) => given[field] !== undefined);
}

function checkEffect(config: TrainConfig, isGiven: (field: Field) => boolean): void {
  for (const field of FIELDS) {
    const { option, disables } = rowOf(field);
    for (const other of (disables?.[String(config[field])] ?? []) as readonly Field[]) {
      if (!isGiven(other)) continue;
      const unused = rowOf(other).option;
      throw new EngineError(
        'BAD_VALUE',
        `${option} ${config[field]} does not use ${unused}, but ${unused} ${config[other]} was given.`,
        `Leave it out, or use another ${option}.`,
      );
    }
  }
}

/** What a file decides, without what has no effect beside its other values. */
export function withoutUnused(decided: Partial<TrainConfig>): Partial<TrainConfig> {
  const unused = new Set(FIELDS.flatMap((field) => rowOf(field).disables?.[String(decided[field])] ?? []));
  return Object.fromEntries(Object.entries(decided).filter(([field]) => !unused.has(field)));
}

/** @throws EngineError BAD_VALUE or BAD_SHAPE for values that are right by themselves and wrong together */
export function checkTogether(config: TrainConfig): void {
  for (const field of FIELDS) {
    if (!rowOf(field).takenBy?.givenByPresets) checkTaken(field, config[field], config.precision);
  }
  // A whole configuration does not say what was given, but a setting without a default has a value only if it was.
  checkEffect(config, (field) => rowOf(field).default === null && config[field] !== null);
  checkMicroBatch(config);
  checkSchedule(config);
  checkGroups(config);
  checkBlocks(config);
  const recipe = recipeOf(config.precision);
  const { master } = config;
  checkMaster(
    recipe,
    master,
    PRECISION_MODES.filter((mode) => goesWithMaster(recipeOf(mode), master)),
  );
  momentsOf(recipe, config.optimState);
  checkOptimizer(config.optimizer, config.optimState);
  checkLossScaling(config);
  checkSmoothSwiglu(config);
  checkMuon(config);
  checkFixed(config);
  checkSkip(config);
  checkStages(config);
  checkHealing(config);
  checkEarlyStop(config);
}

function checkSmoothSwiglu({ smoothSwiglu, mlp }: TrainConfig): void {
  if (smoothSwiglu === 'off' || MLPS[mlp].gated) return;
  const gated = Object.keys(MLPS).filter((kind) => MLPS[kind as keyof typeof MLPS].gated);
  throw new EngineError(
    'BAD_VALUE',
    `smooth-swiglu ${smoothSwiglu} scales the product of a gated MLP, and mlp is ${mlp}.`,
    `Use mlp ${listed(gated)}, or leave smooth-swiglu out.`,
  );
}

function checkLossScaling({ precision, optimizer, lossScaling, lossScale }: TrainConfig): void {
  if (lossScaling === 'compound') {
    if (COMPOUND_OPTIMIZERS.includes(optimizer)) return;
    throw new EngineError(
      'BAD_VALUE',
      `loss-scaling compound keeps AdamW's moments in units of the loss scale, and the optimizer is ${optimizer}.`,
      `Use optimizer ${listed(COMPOUND_OPTIMIZERS)}, or leave loss-scaling out.`,
    );
  }
  if (lossScale === null || recipeOf(precision).scaling.kind !== 'none') return;
  throw new EngineError(
    'BAD_VALUE',
    `Mode ${precision} scales the loss only with loss-scaling compound, but loss-scale ${lossScale} was given.`,
    'Give loss-scaling compound too, or leave loss-scale out.',
  );
}

function checkMuon({ optimizer, learningRate, muonLearningRate }: TrainConfig): void {
  if (optimizer !== 'muon' || learningRate > 0 || !muonLearningRate) return;
  throw new EngineError(
    'BAD_VALUE',
    `muon-lr is ${muonLearningRate}, but lr is 0.`,
    "Muon's learning rate rises and falls in proportion to lr: use an lr above 0, or a muon-lr of 0.",
  );
}

function checkStages({ precisionSchedule: schedule, precision, steps }: TrainConfig): void {
  if (schedule === 'none') return;
  const modes: readonly string[] = SCHEDULES[schedule].modes;
  const last = modes.at(-1)!;
  if (precision !== last) {
    throw new EngineError(
      'BAD_VALUE',
      `precision-schedule ${schedule} ends at ${last}, but the mode is ${precision}.`,
      `Use precision ${last}, or another schedule.`,
    );
  }
  if (steps >= LEAST_SCHEDULED_STEPS) return;
  throw new EngineError(
    'BAD_VALUE',
    schedule === 'noise'
      ? `precision-schedule noise chooses levels ${LEAST_SCHEDULED_STEPS} times, after equal parts of a run, and this run has only ${steps} steps.`
      : `precision-schedule ${schedule} has ${modes.length} stages, and a run of ${steps} steps ends before its last one.`,
    `Use at least ${LEAST_SCHEDULED_STEPS} steps, or precision ${last} without a schedule.`,
  );
}

function checkHealing({ heal, steps }: TrainConfig): void {
  const healed = healingSteps({ heal, steps });
  if (heal === 0 || (healed > 0 && healed < steps)) return;
  throw new EngineError(
    'BAD_VALUE',
    `heal ${heal} of ${steps} steps is ${healed === 0 ? 'less than half a step' : 'all of them'}.`,
    healed === 0
      ? 'Use a larger share, more steps, or leave heal out.'
      : 'Use a smaller share, more steps, or precision bf16.',
  );
}

function checkEarlyStop({ earlyStop, evalEvery, steps }: TrainConfig): void {
  if (earlyStop === 0 || evalEvery > 0) return;
  throw new EngineError(
    'BAD_VALUE',
    `early-stop ${earlyStop} counts evaluations, but eval-every is 0: the run is evaluated only at its end.`,
    `Use an eval-every of 1 or more, such as ${Math.max(1, Math.ceil(steps / 20))}, or leave early-stop out.`,
  );
}

function checkFixed({ master, optimState }: TrainConfig): void {
  if (master !== 'fx64' || optimState !== 'fp8') return;
  throw new EngineError(
    'BAD_VALUE',
    'master fx64 with optim-state fp8 binds more buffers in one kernel than WebGPU guarantees.',
    'Use optim-state f32, bf16 or fp8-lm, or master f32.',
  );
}

function checkSkip({ skip, overflow, lossScaling, sums }: TrainConfig): void {
  if (sums === 'fx64' && skip === 'tensor')
    throw new EngineError(
      'BAD_VALUE',
      'sums is fx64, but skip is tensor, which sums the gradient of each tensor in f32.',
      'Use skip step, or sums f32.',
    );
  if (lossScaling === 'compound' && (skip === 'tensor' || (overflow ?? 'skip') !== 'skip')) {
    throw new EngineError(
      'BAD_VALUE',
      `loss-scaling compound keeps all moments in units of one loss scale, but ${skip === 'tensor' ? 'skip tensor' : `overflow ${overflow}`} was given.`,
      'Leave it out, or leave loss-scaling out.',
    );
  }
  if (skip === 'step' || overflow !== 'zero') return;
  throw new EngineError(
    'BAD_VALUE',
    `skip is ${skip}, but overflow is zero: no gradient is left that is not finite.`,
    'Use skip step, or overflow skip or clamp.',
  );
}

function checkMicroBatch({ batch, microBatch }: TrainConfig): void {
  if (microBatch === null || batch % microBatch === 0) return;
  const divisors = Array.from({ length: Math.min(batch, microBatch) }, (_, i) => i + 1).filter(
    (size) => batch % size === 0,
  );
  throw new EngineError(
    'BAD_VALUE',
    `micro-batch is ${microBatch}, which does not divide the batch of ${batch}.`,
    `A batch is cut into equal parts: use a micro-batch of ${divisors.at(-1)}, or leave it out to compute the batch at once.`,
  );
}

function checkSchedule({ steps, warmup, learningRate, minLearningRate }: TrainConfig): void {
  if (warmup > steps) {
    throw new EngineError(
      'BAD_VALUE',
      `warmup is ${warmup}, but the run has only ${steps} steps.`,
      `The learning rate would never be reached: use a warmup of at most ${steps}, or more steps.`,
    );
  }
  if (minLearningRate > learningRate) {
    throw new EngineError(
      'BAD_VALUE',
      `min-lr ${minLearningRate} is above lr ${learningRate}.`,
      'The schedule decays from lr to min-lr: lower min-lr.',
    );
  }
}

function checkGroups(config: TrainConfig): void {
  if (config.quantizeActivations !== '1x16') return;
  for (const [option, one, channels] of [
    ['width', 'a width', config.width],
    ['intermediate', 'an intermediate', mlpWidth(config)],
  ] as const) {
    if (channels % ACTIVATION_GROUP === 0) continue;
    const above = Math.ceil(channels / ACTIVATION_GROUP) * ACTIVATION_GROUP;
    throw new EngineError(
      'BAD_SHAPE',
      `quantize-activations 1x16 groups ${ACTIVATION_GROUP} channels, and ${option} is ${channels}.`,
      `Use ${one} that is a multiple of ${ACTIVATION_GROUP}, such as ${above}, or quantize-activations tensor.`,
    );
  }
}

/** Two vectors of four elements of half a byte share a word, so that rows are multiples of 8. At least one block is quantised. */
function checkBlocks(config: TrainConfig): void {
  const { precision, layers, width } = config;
  const recipe = recipeFor(config);
  const kept = recipe.row.lastBlocks ? (config.keepBf16 ?? recipe.row.lastBlocks.count) : 0;
  if (kept >= layers && kept > 0) {
    throw new EngineError(
      'BAD_VALUE',
      `Mode ${precision} keeps the last ${kept === 1 ? 'block' : `${kept} blocks`} in bf16, and the model has ${layers}.`,
      `Nothing would be left in 4 bits: use keep-bf16 ${layers - 1}, more layers, or mode bf16.`,
    );
  }
  if (!formatsOf(recipe).some((format) => formatInfo(format).bytes < 1)) return;
  for (const [option, columns] of [
    ['width', width],
    ['intermediate', mlpWidth(config)],
    ['head-size', headSize(config)],
  ] as const) {
    if (columns % 8 === 0) continue;
    throw new EngineError(
      'BAD_SHAPE',
      `Mode ${precision} stores two elements in a byte and eight in a word, and ${option} is ${columns}.`,
      `Use a multiple of 8, such as ${Math.ceil(columns / 8) * 8}, or a mode with whole bytes, such as mxfp8.`,
    );
  }
}
