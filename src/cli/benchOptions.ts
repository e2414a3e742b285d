/** Arguments of `npm run bench` to what is to be measured. */

import { DEFAULT_PRESET, openPreset, PRECISION_MODES, SHAPE_NAMES } from '../engine/index.ts';
import { listOf, modeList, readArguments, wholeNumber } from './arguments.ts';
import type { BenchContext } from './benchContext.ts';
import { STAGES, type StageName } from './benchStages.ts';
import { parseBytes } from './format.ts';
import { optionList } from './help.ts';
import type { OptionSpec } from './optionTable.ts';

const STAGE_NAMES = Object.keys(STAGES) as StageName[];
/** All but what takes an hour, and what is asked for by name. */
const DEFAULT_STAGES = 'roofline,kernels,step,scaling,longtasks,peers';
const DEFAULT_SHAPES = ['a', 'b'];
const DEFAULT_MODES = 'fp32,tf32,fp16,bf16';
const DEFAULT_STEPS = 10_000;

const OPTIONS: readonly OptionSpec[] = [
  { kind: 'list', name: 'only', choices: STAGE_NAMES, help: `stages to run [${DEFAULT_STAGES}]` },
  {
    kind: 'list',
    name: 'shapes',
    choices: SHAPE_NAMES,
    help: `what is trained: the shapes of the comparison with other trainers, or presets [${DEFAULT_SHAPES}; on a software renderer ${shapesOn({ isFallback: true }, null)}]`,
  },
  { kind: 'list', name: 'precision', choices: PRECISION_MODES, help: `precision modes [${DEFAULT_MODES}]` },
  {
    kind: 'size',
    name: 'budget',
    help: "kernels and step at batch 1 and at the largest batch within it, not at the shape's own",
  },
  { kind: 'count', name: 'steps', help: `of the long run [${DEFAULT_STEPS}]` },
  {
    kind: 'file',
    name: 'python',
    help: 'a Python that has PyTorch, which peers trains on the CPU of this machine',
  },
  { kind: 'file', name: 'json', help: 'write every figure to this file' },
  { kind: 'flag', name: 'help', short: 'h', help: 'this text' },
];

export type BenchCommand =
  | { readonly kind: 'help' }
  | ({
      readonly kind: 'bench';
      readonly stages: readonly StageName[];
      /** Null where the adapter decides: {@link shapesOn}. */
      readonly shapes: readonly string[] | null;
      readonly json: string | undefined;
    } & Pick<BenchContext, 'modes' | 'budget' | 'steps' | 'python'>);

/** The shapes that were asked for or, where none were, those for the adapter. */
export function shapesOn(
  report: { readonly isFallback: boolean },
  asked: readonly string[] | null,
): readonly string[] {
  if (asked) return asked;
  const preset = openPreset(report, DEFAULT_PRESET);
  return preset === DEFAULT_PRESET ? DEFAULT_SHAPES : [preset];
}

/**
 * @param args what follows the program's name
 * @throws EngineError of a usage code
 */
export function parseBench(args: readonly string[]): BenchCommand {
  const given = readArguments('bench', OPTIONS, args);
  if (given.has('help')) return { kind: 'help' };
  const budget = given.get('budget');
  return {
    kind: 'bench',
    stages: listOf('only', given.get('only') ?? DEFAULT_STAGES, STAGE_NAMES),
    shapes: given.has('shapes') ? listOf('shapes', given.get('shapes'), SHAPE_NAMES) : null,
    modes: modeList(given.get('precision') ?? DEFAULT_MODES),
    budget: budget === undefined ? null : parseBytes('budget', budget),
    steps: wholeNumber('steps', given.get('steps') ?? String(DEFAULT_STEPS)),
    python: given.get('python') ?? null,
    json: given.get('json'),
  };
}

export function benchHelp(): string {
  return `Usage: npm run bench -- [options]

Measures this machine's adapter and the training step on it.

${optionList(OPTIONS)}

dispatches counts the dispatches of a step, and times one that does next to nothing.
longrun trains the preset "smoke" in the first of the modes, to see whether steps become slower.
longtasks trains in the page, in Chromium on a software GPU, and reports how long its main thread is held up.
sampling generates tokens with the shapes' initial weights, with a cache of keys and values and without: --only sampling
--shapes gpt2 --precision fp32 measures GPT-2's size.
turns trains each mode in turns with the first of them, and reports how many times as fast it is.
saving trains the shapes in the first of the modes, with and without saves in turns, and reports what a save takes.
peers trains the shapes with jax-js and TensorFlow.js too, all in one Chromium, and with PyTorch if --python names
one that has it; it needs the repository with its development packages (npm ci).
`;
}
