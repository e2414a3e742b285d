/** Entry point of `npm run sweep`, which trains modes by learning rates by seeds, and can be killed and resumed. */

import {
  cellOf,
  changedTokens,
  EngineError,
  missingRuns,
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
  { kind: 'numbers', name: 'lrs', help: 'peak learning rates, separated by commas: 3e-4,1e-3,3e-3,1e-2' },
  { kind: 'file', name: 'json', help: 'file of the sweep; without other options its table is shown' },
  { kind: 'file', name: 'markdown', help: 'write the table to this file, for a report or an issue' },
  // The table uses only the last evaluation of a cell.
  ...passedOn(['lr']).map((option) => (option.name === 'eval-every' ? { ...option, standard: '0' } : option)),
  { kind: 'flag', name: 'help', short: 'h', help: 'this text' },
];

const HELP = `Usage: npm run sweep -- --modes LIST --lrs LIST --seeds N --json FILE [options]

Trains every mode at every learning rate with every seed. Each finished cell is written to FILE immediately, so that
a sweep that was killed resumes when the same command is run again. Modes, rates and seeds can be added later. A file
with other settings is refused. Only the last step of a cell is evaluated unless --eval-every is given.

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
    throw new EngineError('BAD_VALUE', 'A sweep needs a file for its cells.', 'Give --json FILE.');
  }
  if (markdown !== undefined) checkReportPath(markdown);
  const showsOnly = [...given.keys()].every((name) => name === 'json' || name === 'markdown');
  const kept = showsOnly ? loadSweep(path) : null;
  if (showsOnly && !kept) {
    throw new EngineError(
      'BAD_VALUE',
      `There is no file "${path}", and no learning rate was given to start a sweep.`,
      'Give --lrs 3e-4,1e-3,3e-3, and the modes and seeds to try.',
    );
  }
  const { sweep, failure } = kept ? { sweep: kept } : await runSweep(given, path);
  show(report(sweep));
  if (markdown !== undefined) writeAtomically(markdown, sweepMarkdown(sweep));
  if (failure) throw failure;
  return 0;
}

/** Runs the sweep. @returns its finished cells, and the error of the cell that failed, if any */
async function runSweep(
  given: ReadonlyMap<string, string>,
  path: string,
): Promise<{ sweep: Sweep; failure?: unknown }> {
  const experiment = experimentOf(given);
  const { preset: asked, given: overrides, modes, seeds, text } = experiment;
  const grid = sweepGrid(modes, ratesOf(given.get('lrs')), seeds, overrides.seed ?? asked.config.seed);
  const plan = (preset: Preset) => ({ preset, runs: sweepPlan(preset.config, overrides, grid) });
  const [first] = plan(asked).runs;
  const existing = loadSweep(path); // errors in the file are reported before the GPU is opened
  // A sweep resumes with the preset that it was started with, even if the adapter would get another.
  const begun = existing && experiment.presetOpen ? presetBegun(existing.settings) : null;
  const unlock = lockFile(path);
  let lab: Lab | undefined;
  try {
    const opened = await Lab.open(text, first!.config, (report) =>
      plan(begun ?? presetOn(report, experiment)),
    );
    const { preset, runs: planned } = opened;
    lab = opened.lab;
    const read = { ...lab.dataset, changedTokens: changedTokens(lab.dataset) };
    const settings = sweepSettings(preset.config, overrides, planned, read, lab.report.name);
    const file = SweepFile.open(path, settings, grid);
    const missing = missingRuns(planned, file.sweep.cells);
    if (missing.length < planned.length) {
      lab.progress.print(
        `${planned.length - missing.length} of ${planned.length} cells are already finished.`,
      );
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

/** Trains one cell; null when it was stopped. */
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

/** @throws EngineError BAD_VALUE naming a value that is not a number */
function ratesOf(value: string | undefined): number[] {
  if (value === undefined) return [];
  return value.split(',').map((word) => {
    const rate = Number(word);
    if (word.trim() !== '' && Number.isFinite(rate)) return rate;
    throw new EngineError(
      'BAD_VALUE',
      `--lrs contains "${word}", which is not a number.`,
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
