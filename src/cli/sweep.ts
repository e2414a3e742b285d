/** Entry point of `npm run sweep`: modes by learning rates by seeds, cell by cell, so that it can be killed and continued. */

import {
  cellOf,
  EngineError,
  missingRuns,
  otherTokens,
  type PlannedRun,
  type Preset,
  placeOf,
  presetBegun,
  type RecordedRun,
  rateName,
  rateText,
  SWEEP_LEGEND,
  type Sweep,
  type SweepCell,
  sweepGrid,
  sweepMarkdown,
  sweepPlan,
  sweepProgress,
  sweepRows,
  sweepSettings,
  variantTitle,
} from '../engine/index.ts';
import { readArguments } from './arguments.ts';
import { checkReportPath, writeAtomically } from './atomicFile.ts';
import { EXPERIMENT_OPTIONS, experimentOf, passedOn, presetOn } from './experimentOptions.ts';
import { lockFile } from './fileLock.ts';
import { formatDuration, formatLoss } from './format.ts';
import { optionList } from './help.ts';
import { Lab, runLabel, trainEach } from './lab.ts';
import type { OptionSpec } from './optionTable.ts';
import { runCommand } from './runCommand.ts';
import { loadSweep, SweepFile } from './sweepStore.ts';
import { textTable } from './table.ts';
import { show } from './terminal.ts';

const OPTIONS: readonly OptionSpec[] = [
  ...EXPERIMENT_OPTIONS,
  { kind: 'numbers', name: 'lrs', help: 'highest learning rates, separated by commas: 3e-4,1e-3,3e-3,1e-2' },
  { kind: 'file', name: 'json', help: 'the file of the sweep; alone, its table is shown' },
  { kind: 'file', name: 'markdown', help: 'write the table to this file, for a report or an issue' },
  // Most of a cell's evaluations would show nobody anything.
  ...passedOn(['lr']).map((option) => (option.name === 'eval-every' ? { ...option, standard: '0' } : option)),
  { kind: 'flag', name: 'help', short: 'h', help: 'this text' },
];

const HELP = `Usage: npm run sweep -- --modes LIST --lrs LIST --seeds N --json FILE [options]

Trains every mode at every learning rate from every seed. Each finished cell is written to FILE at once: killed and
started again with the same command, the sweep goes on where it was. Modes, rates and seeds may be added later; a
file that belongs to other settings is refused. Only the last step of a cell is evaluated unless --eval-every is given.

${optionList(OPTIONS)}
`;

async function main(args: readonly string[]): Promise<number> {
  const given = readArguments('sweep', OPTIONS, args);
  if (given.has('help')) {
    show(HELP);
    return 0;
  }
  const path = given.get('json');
  const markdown = given.get('markdown');
  if (path === undefined) {
    throw new EngineError('BAD_VALUE', 'A sweep needs a file to keep its cells in.', 'Give --json FILE.');
  }
  if (markdown !== undefined) checkReportPath(markdown);
  const asksOnlyToSee = [...given.keys()].every((name) => name === 'json' || name === 'markdown');
  const kept = asksOnlyToSee ? loadSweep(path) : null;
  if (asksOnlyToSee && !kept) {
    throw new EngineError(
      'BAD_VALUE',
      `There is no file "${path}", and no learning rate was given to begin a sweep in it.`,
      'Give --lrs 3e-4,1e-3,3e-3, and the modes and seeds to try.',
    );
  }
  const { sweep, failure } = kept ? { sweep: kept } : await runSweep(given, path);
  show(report(sweep));
  if (markdown !== undefined) writeAtomically(markdown, sweepMarkdown(sweep));
  if (failure) throw failure;
  return 0;
}

/** The sweep as far as it came, and what the next cell failed with. */
async function runSweep(
  given: ReadonlyMap<string, string>,
  path: string,
): Promise<{ sweep: Sweep; failure?: unknown }> {
  const experiment = experimentOf(given);
  const { preset: asked, given: overrides, modes, seeds, text } = experiment;
  const grid = sweepGrid(modes, ratesOf(given.get('lrs')), seeds, overrides.seed ?? asked.config.seed);
  const plan = (preset: Preset) => ({ preset, runs: sweepPlan(preset.config, overrides, grid) });
  const [first] = plan(asked).runs;
  const there = loadSweep(path); // what is wrong with the file should not wait for the GPU
  // A sweep goes on with the preset that it was begun with, whichever the adapter would be given.
  const begun = there && experiment.presetOpen ? presetBegun(there.settings) : null;
  const unlock = lockFile(path);
  let lab: Lab | undefined;
  try {
    const opened = await Lab.open(text, first!.config, (report) =>
      plan(begun ?? presetOn(report, experiment)),
    );
    const { preset, runs: planned } = opened;
    lab = opened.lab;
    const read = { ...lab.dataset, otherTokens: otherTokens(lab.dataset) };
    const settings = sweepSettings(preset.config, overrides, planned, read, lab.report.name);
    const file = SweepFile.open(path, settings, grid);
    const missing = missingRuns(planned, file.sweep.cells);
    if (missing.length < planned.length) {
      lab.progress.print(`${planned.length - missing.length} of ${planned.length} cells are there already.`);
    }
    const { progress } = lab;
    const { failure } = await trainEach(missing, async (run) => {
      const cell = await trainCell(opened.lab, run, planned);
      if (cell) file.add(cell);
      if (cell) progress.print(cellLine(cell));
      return cell;
    });
    return { sweep: file.sweep, failure };
  } finally {
    lab?.close();
    unlock();
  }
}

/** null when it was stopped. */
async function trainCell(
  lab: Lab,
  planned: PlannedRun,
  all: readonly PlannedRun[],
): Promise<SweepCell | null> {
  const { mode, learningRate, seed } = placeOf(planned);
  const words = [mode, `lr ${rateName(learningRate)}`, `seed ${seed}`];
  const started = performance.now();
  const run = await lab.train(planned, runLabel(words, all.indexOf(planned), all.length));
  return run && cellOf(planned, { ...resultOf(run), seconds: (performance.now() - started) / 1000 });
}

function resultOf({ summary, error, tokensPerSec }: RecordedRun) {
  const { valLoss: loss, steps, skippedSteps } = summary;
  return { loss, steps, skippedSteps, tokensPerSec, stopped: error?.code ?? null };
}

function cellLine({ mode, learningRate, seed, loss, stopped, skippedSteps, seconds }: SweepCell): string {
  const outcome = stopped === null ? `validation loss ${formatLoss(loss)}` : `stopped by itself (${stopped})`;
  return `${mode}, lr ${rateName(learningRate)}, seed ${seed}: ${outcome}, ${skippedSteps} skipped, ${formatDuration(seconds)}`;
}

/** @throws EngineError BAD_VALUE naming what is no number */
function ratesOf(value: string | undefined): number[] {
  if (value === undefined) return [];
  return value.split(',').map((word) => {
    const rate = Number(word);
    if (word.trim() !== '' && Number.isFinite(rate)) return rate;
    throw new EngineError(
      'BAD_VALUE',
      `--lrs has "${word}", which is no number.`,
      'Write numbers separated by commas: 3e-4,1e-3,3e-3.',
    );
  });
}

function report(sweep: Sweep): string {
  const { learningRates } = sweep.grid;
  const rows = sweepRows(sweep).map(({ mode, results }) => [
    variantTitle(mode),
    ...results.map((result) => `${rateText(result)}${result.best ? ' best' : ''}`),
  ]);
  const table = textTable(['mode', ...learningRates.map((rate) => `lr ${rateName(rate)}`)], rows);
  return `${[table, SWEEP_LEGEND, sweepProgress(sweep)].join('\n\n')}\n`;
}

runCommand(main);
