/** Entry point of `npm run compare`, which trains precision modes from the same starts and compares them. */

import {
  aboutLine,
  type ComparisonTable,
  comparedRuns,
  comparisonTable,
  type PlannedRun,
  type Preset,
  type RecordedRun,
  startProof,
  startSentence,
  toMarkdown,
  variantTitle,
  verdict,
} from '../engine/index.ts';
import { readArguments } from './arguments.ts';
import { checkReportPath, json, writeAllAtomically } from './atomicFile.ts';
import {
  EXPERIMENT_OPTIONS,
  type Experiment,
  experimentOf,
  passedOn,
  presetOn,
} from './experimentOptions.ts';
import { optionList } from './help.ts';
import { Lab, runLabel, trainEach } from './lab.ts';
import type { OptionSpec } from './optionTable.ts';
import { provenance } from './provenance.ts';
import { runCommand } from './runCommand.ts';
import { textTable } from './table.ts';
import { show } from './terminal.ts';

const OPTIONS: readonly OptionSpec[] = [
  ...EXPERIMENT_OPTIONS,
  { kind: 'file', name: 'json', help: 'write every figure and every step to this file' },
  { kind: 'file', name: 'markdown', help: 'write the table to this file, for a report or an issue' },
  ...passedOn([]),
  { kind: 'flag', name: 'help', short: 'h', help: 'this text' },
];

const HELP = `Usage: npm run compare -- [options]

Trains precision modes one after the other from the same starts, and compares their loss, speed and memory. The
first mode is the reference. Progress goes to standard error. Ctrl-C stops and reports the runs that have finished.

${optionList(OPTIONS)}
`;

/** The table, and the finished runs in training order. */
interface Finished {
  readonly table: ComparisonTable;
  readonly runs: readonly RecordedRun[];
}

async function main(args: readonly string[]): Promise<number> {
  const given = readArguments('compare', OPTIONS, args);
  if (given.has('help')) {
    show(HELP);
    return 0;
  }
  const experiment = experimentOf(given);
  plannedOn(experiment.preset, experiment); // checks the options before the text is read and the GPU is opened
  const files = { json: given.get('json'), markdown: given.get('markdown') };
  for (const path of Object.values(files)) if (path !== undefined) checkReportPath(path);
  await compare(experiment, files);
  return 0;
}

function plannedOn({ config }: Preset, { given, modes, seeds }: Experiment): PlannedRun[] {
  return comparedRuns(config, { ...given, sampleLength: 0 }, modes, seeds);
}

async function compare(
  experiment: Experiment,
  files: { readonly json: string | undefined; readonly markdown: string | undefined },
): Promise<void> {
  const { text, preset } = experiment;
  const [first] = plannedOn(preset, experiment);
  const { lab, runs: planned } = await Lab.open(text, first!.config, (report) => ({
    runs: plannedOn(presetOn(report, experiment), experiment),
  }));
  const { results: runs, failure } = await trainEach(planned, (one, i) => {
    const label = runLabel([one.mode, `seed ${one.config.seed}`], i, planned.length);
    return lab.train(one, label, { countGradients: true });
  });
  const { name } = lab.report;
  lab.close();
  if (runs.length === 0) {
    if (failure) throw failure;
    show('Stopped before any run had finished, so there is nothing to compare.\n', process.stderr);
    return;
  }
  const table = comparisonTable(withUnfinished(planned, runs), runs, 'wall', null);
  const about = aboutLine(planned[0]!.config, lab.dataset.name, 'sequential', name);
  const proof = startProof(runs);
  const sentence = verdict(table.comparison);
  show(
    `${[about, terminalTable(table), ...[sentence, proof && startSentence(proof)].filter((line) => line !== null)].join('\n\n')}\n`,
  );
  writeAllAtomically([
    { path: files.markdown, content: () => toMarkdown(table, about, sentence, proof) },
    {
      path: files.json,
      content: () =>
        json({
          ...provenance(lab.report),
          ...figures({ table, runs }),
          about,
          verdict: sentence,
          start: proof,
        }),
    },
  ]);
  if (failure) throw failure;
}

/** Adds planned runs that did not finish, so that they keep their columns. */
function withUnfinished(planned: readonly PlannedRun[], runs: readonly RecordedRun[]) {
  return planned.map(
    (one, i) => runs[i] ?? { ...one, facts: null, latest: null, summary: null, error: null },
  );
}

function terminalTable({ modes, rows }: ComparisonTable): string {
  return textTable(
    ['', ...modes.map(variantTitle)],
    rows.map(({ label, cells }) => [
      label,
      ...cells.map(({ text, best }) => (best ? `${text} (best)` : text)),
    ]),
  );
}

/** The figures for the JSON file. Non-finite numbers become null, because JSON cannot represent them. */
function figures({ table, runs }: Finished) {
  return {
    format: 'halfstep-comparison',
    version: 1,
    comparison: table.comparison,
    rows: table.rows,
    runs: runs.map(({ mode, config, summary, error, evals, steps, losses, times }) => ({
      mode,
      config,
      summary,
      error,
      evals,
      steps,
      losses,
      times,
    })),
  };
}

runCommand(main);
