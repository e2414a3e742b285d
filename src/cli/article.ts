/** Entry point of `npm run article`, which makes the table of an article on this machine. */

import {
  ARTICLE,
  ARTICLE_MODES,
  type ArticleFigures,
  afterMeasuring,
  type FittedRun,
  findUnscaled,
  formatLoss,
  formatPercent,
  formatTokensPerSecond,
  measuredSpeed,
  measuringRuns,
  type NumericsFrame,
  PRESETS,
  planLimits,
  type RecordedRun,
  TABLE_PRESETS,
  TABLE_STEPS,
  type TableBudget,
  type TablePlan,
  type TablePreset,
  thereIsNo,
  UNSCALED_MODE,
  type UnscaledFindings,
  variantTitle,
} from '../engine/index.ts';
import { readArguments } from './arguments.ts';
import { checkReportPath, json, writeAllAtomically } from './atomicFile.ts';
import { formatBytes, parseBytes } from './format.ts';
import { optionList } from './help.ts';
import { Lab, runLabel, trainEach } from './lab.ts';
import { textChoice } from './options.ts';
import type { OptionSpec } from './optionTable.ts';
import { provenance } from './provenance.ts';
import { runCommand } from './runCommand.ts';
import { textTable } from './table.ts';
import { show } from './terminal.ts';

const DEFAULT_BUDGET = '1GiB';

const OPTIONS: readonly OptionSpec[] = [
  {
    kind: 'name',
    name: 'preset',
    choices: TABLE_PRESETS,
    help: 'the model [the largest whose table takes less than five minutes]',
  },
  { kind: 'size', name: 'budget', help: `memory that each run may take [${DEFAULT_BUDGET}]` },
  { kind: 'file', name: 'json', help: 'write every figure to this file' },
  { kind: 'flag', name: 'help', short: 'h', help: 'this text' },
];

const HELP = `Usage: npm run article -- [options]

Trains FP32, TF32, mixed f16 and both, each at the largest batch that fits the budget, for ${TABLE_STEPS} steps, and prints
speed, batch, memory and loss beside those of "${ARTICLE.title}" (${ARTICLE.author}, ${ARTICLE.gpu}). Then f16 trains without
its loss scaler. Progress goes to standard error. Ctrl-C stops and reports the rows that have finished.

${optionList(OPTIONS)}
`;

interface Row extends FittedRun {
  readonly run: RecordedRun;
  /** Of the run without a scaler. */
  readonly unscaled: UnscaledFindings | null;
}

async function main(args: readonly string[]): Promise<number> {
  const given = readArguments('article', OPTIONS, args);
  if (given.has('help')) {
    show(HELP);
    return 0;
  }
  const bytes = parseBytes('budget', given.get('budget') ?? DEFAULT_BUDGET);
  const preset = tablePreset(given.get('preset'));
  const path = given.get('json');
  if (path !== undefined) checkReportPath(path);
  await makeTable(preset, bytes, path);
  return 0;
}

/** @returns null where the speed of this machine decides. @throws EngineError BAD_VALUE for a preset that the table does not take */
function tablePreset(name: string | undefined): TablePreset | null {
  const found = TABLE_PRESETS.find((preset) => preset === name);
  if (found || name === undefined) return found ?? null;
  throw thereIsNo('preset of the table', name, TABLE_PRESETS);
}

async function makeTable(given: TablePreset | null, bytes: number, path: string | undefined): Promise<void> {
  const first = given ?? TABLE_PRESETS[0];
  const { lab, budget } = await Lab.open(textChoice(new Map()), PRESETS[first].config, ({ limits }) => {
    const within = { bytes, limits: planLimits(limits) };
    return { budget: within, runs: measuringRuns(first, within) };
  });
  const plan = await measured(lab, given, first, budget);
  const { results: rows, failure } = plan
    ? await trainEach(plan.runs, (one, i) => trainRow(lab, one, runLabel([one.mode], i, plan.runs.length)))
    : { results: [], failure: undefined };
  lab.close();
  if (plan && rows.length > 0) {
    show(`${tableText(plan, rows, lab.report.name)}\n`);
    writeAllAtomically([
      { path, content: () => json({ ...provenance(lab.report), ...figures(plan, rows, bytes) }) },
    ]);
  }
  if (failure) throw failure;
  if (rows.length === 0) show('Stopped before any row had finished.\n', process.stderr);
}

/** The plan of the table, from timed steps; null when it was stopped before. */
async function measured(
  lab: Lab,
  given: TablePreset | null,
  preset: TablePreset,
  budget: TableBudget,
): Promise<TablePlan | null> {
  const { results, failure } = await trainEach(measuringRuns(preset, budget), (one) =>
    lab.train(one, `timing ${preset} in ${one.mode}`),
  );
  if (failure) throw failure;
  const speeds = results.flatMap(({ summary: { tokensPerSec, startUpMs } }) =>
    tokensPerSec === null || startUpMs === null ? [] : [{ tokensPerSec, startUpMs }],
  );
  if (lab.stopped || speeds.length < results.length) return null;
  const follows = afterMeasuring(given, budget, measuredSpeed(preset, speeds));
  return 'plan' in follows ? follows.plan : measured(lab, given, follows.measure, budget);
}

async function trainRow(lab: Lab, fitted: FittedRun, label: string): Promise<Row | null> {
  const isUnscaled = fitted.mode === UNSCALED_MODE;
  const overflows: (string | null)[] = [];
  let frame: NumericsFrame | null = null;
  const run = await lab.train(fitted, label, {
    countGradients: isUnscaled,
    onStep: ({ overflow }) => overflows.push(overflow),
    onGradients: (counted) => {
      frame = counted;
    },
  });
  return (
    run && { ...fitted, run, unscaled: isUnscaled ? findUnscaled(fitted.config, frame, overflows) : null }
  );
}

function tableText({ preset, steps, estimate }: TablePlan, rows: readonly Row[], adapter: string): string {
  const about = `${PRESETS[preset].title}, ${steps} steps each, ${adapter}; estimated at ${Math.round(estimate.seconds)} s from steps of ${estimate.measured}.`;
  const cells = ARTICLE_MODES.map((mode) => {
    const row = rows.find((one) => one.mode === mode);
    const article: ArticleFigures = ARTICLE.figures[mode];
    const [speed, loss] = [row?.run.tokensPerSec ?? null, row?.run.summary.valLoss ?? null];
    return [
      variantTitle(mode),
      speed === null ? '-' : formatTokensPerSecond(speed),
      row ? String(row.config.batch) : '-',
      row ? formatBytes(row.run.summary.memory.total) : '-',
      row ? formatLoss(loss) : '-',
      formatTokensPerSecond(article.tokensPerSec),
      String(article.batch),
    ];
  });
  const head = ['', 'tokens/s', 'batch', 'memory', 'loss', `${ARTICLE.gpu}: tokens/s`, 'batch'];
  const notes =
    'TF32 is simulated, so that its speed is not that of TF32; mixed f16 + TF32 is the same as mixed f16 here.';
  return [about, textTable(head, cells), notes, ...rows.flatMap(unscaledText)].join('\n\n');
}

function unscaledText({ run, unscaled }: Row): string[] {
  if (!unscaled) return [];
  const { lostShare, withoutGradient, parameters, nonFinite } = unscaled;
  const lost =
    lostShare === null
      ? 'no gradient left to count'
      : `${formatPercent(lostShare)} of the gradients became 0`;
  const infinite =
    nonFinite.length === 0 ? 'nothing was infinite or NaN' : `not finite: ${nonFinite.join(', ')}`;
  const names = withoutGradient.length === 0 ? '' : ` (${withoutGradient.join(', ')})`;
  return [
    `Without the loss scaler: ${lost}; ${withoutGradient.length} of ${parameters} parameter tensors got none${names}; ${infinite}; loss ${formatLoss(run.error ? null : run.summary.valLoss)}.`,
  ];
}

function figures({ preset, steps, estimate }: TablePlan, rows: readonly Row[], budget: number) {
  return {
    ...{ format: 'halfstep-article', version: 1, preset, steps, budget, estimate },
    article: ARTICLE,
    rows: rows.map(({ mode, config, largest, run: { summary, error }, unscaled }) => ({
      ...{ mode, config, limitedBy: largest.limitedBy, summary, error },
      ...(unscaled && { unscaled }),
    })),
  };
}

runCommand(main);
