/** Entry point of `npm run bench`: what the adapter can do, and what Halfstep makes of it. */
import { writeFile } from 'node:fs/promises';
import { createDataset } from '../engine/data/dataset.ts';
import { EngineError } from '../engine/errors.ts';
import { type AdapterReport, PRECISION_MODES } from '../engine/index.ts';
import { openAdapter } from './adapter.ts';
import { listOf, readArguments } from './arguments.ts';
import { type BenchContext, BenchResults, STAGES, type StageName } from './benchStages.ts';
import { optionList } from './help.ts';
import type { OptionSpec } from './optionTable.ts';
import { runCommand } from './runCommand.ts';
import { loadText } from './texts.ts';

const STAGE_NAMES = Object.keys(STAGES) as StageName[];
const DEFAULT_SHAPES = 'a,b';
const DEFAULT_MODES = 'fp32,tf32,fp16,bf16';

const OPTIONS: readonly OptionSpec[] = [
  { kind: 'list', name: 'only', choices: STAGE_NAMES, help: 'stages to run [all]' },
  {
    kind: 'file',
    name: 'shapes',
    help: `comma-separated: a, b (the shapes of the comparison with other trainers) or presets [${DEFAULT_SHAPES}]`,
  },
  { kind: 'list', name: 'precision', choices: PRECISION_MODES, help: `precision modes [${DEFAULT_MODES}]` },
  { kind: 'file', name: 'json', help: 'write every figure to this file' },
  { kind: 'flag', name: 'help', short: 'h', help: 'this text' },
];

async function main(args: readonly string[]): Promise<number> {
  const given = readArguments('bench', OPTIONS, args);
  if (given.has('help')) {
    process.stdout.write(
      `Usage: npm run bench -- [options]\n\nMeasures this machine's adapter and the training step on it.\n\n${optionList(OPTIONS)}\n`,
    );
    return 0;
  }
  const stages = listOf('only', given.get('only'), STAGE_NAMES);
  const modes = listOf('precision', given.get('precision') ?? DEFAULT_MODES, PRECISION_MODES);
  const { device, report } = await openAdapter();
  const { name, text } = await loadText({ kind: 'builtin', id: 'moby-dick' });
  const context: BenchContext = {
    device,
    report,
    shapes: (given.get('shapes') ?? DEFAULT_SHAPES).split(','),
    modes,
    datasetOf: ({ tokenizer, context: tokens }) => createDataset(text, { name, tokenizer, context: tokens }),
    print: (line) => process.stdout.write(`${line}\n`),
  };
  context.print(headline(report));
  const results = new BenchResults(context.print);
  for (const stage of stages) {
    context.print(`\n${stage}`);
    await results.collect(stage, () => STAGES[stage](context, results));
  }
  const path = given.get('json');
  if (path !== undefined) await writeJson(path, { ...provenance(report), ...results.json });
  device.destroy();
  return results.problems.length > 0 ? 1 : 0;
}

function headline(report: AdapterReport): string {
  const { runtime, date } = provenance(report);
  return `${report.name}, ${runtime}, ${date}`;
}

/** What a figure is worth nothing without. */
function provenance(report: AdapterReport) {
  return {
    adapter: report.name,
    runtime: `Node ${process.versions.node} with Dawn, ${process.platform} ${process.arch}`,
    date: new Date().toISOString().slice(0, 10),
  };
}

async function writeJson(path: string, results: unknown): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(results, null, 2)}\n`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError(
      'BAD_VALUE',
      `Cannot write ${path}: ${reason}`,
      'Name a file in a folder that exists.',
    );
  }
}

runCommand(main);
