/** Entry point of `npm run plan`, which computes memory and largest batch of each mode without a GPU. */

import {
  comparedRuns,
  DEFAULT_PRESET,
  deeperLevelFor,
  goesWithState,
  largestBatch,
  MEMORY_CATEGORIES,
  type MemoryBytes,
  memoryEstimate,
  mostTokens,
  otherKinds,
  type PlanLimits,
  type PlannedRun,
  PRECISION_MODES,
  presetOf,
  recipeOf,
  rowOf,
  type TrainConfig,
  type VariantId,
} from '../engine/index.ts';
import { readArguments, variantList } from './arguments.ts';
import { formatBytes, parseBytes } from './format.ts';
import { optionList } from './help.ts';
import { overridesOf } from './options.ts';
import { type OptionSpec, OPTIONS as TRAIN_OPTIONS } from './optionTable.ts';
import { runCommand } from './runCommand.ts';
import { textTable } from './table.ts';
import { show } from './terminal.ts';

const DEFAULT_BUDGET = '8GiB';
/** Common limit of desktop GPUs. The page and the other commands read the adapter's limit. */
const DEFAULT_BINDING = '2GiB';
/** Vocabulary of the character tokenizer for the built-in texts, up to padding. */
const CHARACTERS = 96;

const OPTIONS: readonly OptionSpec[] = [
  ...TRAIN_OPTIONS.filter(({ name }) => name === 'preset'),
  {
    kind: 'list',
    name: 'precision',
    choices: PRECISION_MODES,
    help: 'precision modes to plan, or variants such as fp16+optim-state=fp8',
  },
  { kind: 'size', name: 'budget', help: `memory of the GPU [${DEFAULT_BUDGET}]` },
  { kind: 'size', name: 'binding', help: `largest buffer that a kernel can bind [${DEFAULT_BINDING}]` },
  ...TRAIN_OPTIONS.filter((option) => option.kind === 'setting' && rowOf(option.field).planned),
  {
    kind: 'flag',
    name: 'saved',
    help: 'include the copy for saving, as in the page and with --save',
  },
  { kind: 'flag', name: 'json', help: 'print one JSON object' },
  { kind: 'flag', name: 'help', short: 'h', help: 'this text' },
];

interface PlannedMode {
  readonly precision: VariantId;
  readonly largestBatch: number;
  /** Memory at the largest batch, or at batch 1 when not even that fits. */
  readonly memory: MemoryBytes;
}

async function main(args: readonly string[]): Promise<number> {
  const given = readArguments('plan', OPTIONS, args);
  if (given.has('help')) {
    show(
      `Usage: npm run plan -- [options]\n\nMemory and largest batch of each precision mode.\n\n${optionList(OPTIONS)}\n`,
    );
    return 0;
  }
  const { precision, saved, ...values } = Object.fromEntries(given); // `precision` is a list here
  const overrides = overridesOf(new Map(Object.entries(values)));
  const preset = presetOf(given.get('preset') ?? DEFAULT_PRESET).config;
  const config: TrainConfig = { ...preset, ...overrides };
  const vocabulary = mostTokens(config.tokenizer) ?? CHARACTERS;
  const budget = parseBytes('budget', given.get('budget') ?? DEFAULT_BUDGET);
  const limits = {
    maxBindingBytes: parseBytes('binding', given.get('binding') ?? DEFAULT_BINDING),
    saved: saved !== undefined,
  };
  const leftOut = PRECISION_MODES.filter(
    (mode) => precision === undefined && !goesWithState(recipeOf(mode), config.optimState),
  );
  const planned =
    precision === undefined
      ? PRECISION_MODES.filter((mode) => !leftOut.includes(mode))
      : variantList(precision);
  const runs = comparedRuns(preset, overrides, planned, 1);
  const modes = runs.map((run) => plan(run, vocabulary, limits, budget));
  const advice = ({ largestBatch: fits }: PlannedMode, i: number): string[] =>
    fits < config.batch ? [recomputeAdvice(runs[i]!, vocabulary, limits, budget)] : [];
  const notes =
    leftOut.length > 0
      ? [`Left out: ${leftOut.join(', ')}. Optimizer state ${config.optimState} needs f32 master weights.`]
      : [];
  show(
    given.has('json')
      ? `${JSON.stringify({ modes, leftOut })}\n`
      : `${[table(modes, config, budget), ...notes, ...modes.flatMap(advice)].join('\n')}\n`,
  );
  return 0;
}

function plan(
  { mode, config }: PlannedRun,
  vocabulary: number,
  limits: PlanLimits,
  budget: number,
): PlannedMode {
  const { batch } = largestBatch(config, vocabulary, limits, budget);
  const { bytes } = memoryEstimate({ ...config, batch: Math.max(1, batch) }, vocabulary, limits);
  return { precision: mode, largestBatch: batch, memory: bytes };
}

/** Says which level of recomputation makes the requested batch fit. */
function recomputeAdvice(
  { mode, config }: PlannedRun,
  vocabulary: number,
  limits: PlanLimits,
  budget: number,
): string {
  const { batch } = config;
  const level = deeperLevelFor(batch - 1, config, vocabulary, limits, budget);
  return level
    ? `${mode}: a batch of ${batch} fits with --recompute ${level.recompute}.`
    : `${mode}: a batch of ${batch} does not fit at any level of recomputation.`;
}

function table(modes: readonly PlannedMode[], config: TrainConfig, budget: number): string {
  const { layers, heads, width, context, recompute } = config;
  const used = MEMORY_CATEGORIES.filter((category) => modes.some(({ memory }) => memory[category] > 0));
  const rows = modes.map(({ precision, largestBatch: batch, memory }) => [
    precision,
    batch > 0 ? String(batch) : 'none fits',
    ...used.map((category) => formatBytes(memory[category])),
    formatBytes(memory.total),
  ]);
  const header = [
    'mode',
    'batch',
    ...used.map((category) => category.replace(/[A-Z]/g, ' $&').toLowerCase()),
    'total',
  ];
  return `Largest batch within ${formatBytes(budget)}: ${layers} layers, ${heads} heads, width ${width}, context ${context}${otherKinds(config)}, recompute ${recompute}. If no batch fits, the memory is that of batch 1.\n\n${textTable(header, rows)}`;
}

runCommand(main);
