/** Entry point of `npm run bench`, which measures the adapter and Halfstep on it. */
import {
  type AdapterReport,
  splitText,
  type TokenizedText,
  type TrainConfig,
  tokenize,
} from '../engine/index.ts';
import { openAdapter } from './adapter.ts';
import { checkReportPath, json, writeAtomically } from './atomicFile.ts';
import { type BenchContext, BenchResults } from './benchContext.ts';
import { benchHelp, parseBench, shapesOn } from './benchOptions.ts';
import { STAGES } from './benchStages.ts';
import { provenance } from './provenance.ts';
import { runCommand } from './runCommand.ts';
import { show } from './terminal.ts';
import { openText } from './texts.ts';

const TEXT = { kind: 'builtin', id: 'moby-dick' } as const;
type Tokenization = TrainConfig['tokenizer'];

async function main(args: readonly string[]): Promise<number> {
  const command = parseBench(args);
  if (command.kind === 'help') {
    show(benchHelp());
    return 0;
  }
  const { stages, json: path, shapes: asked, ...wanted } = command;
  if (path !== undefined) checkReportPath(path);
  const { device, report } = await openAdapter();
  const shapes = shapesOn(report, asked);
  const print = (line: string): void => show(`${line}\n`);
  const results = new BenchResults(print);
  const texts = new Map<Tokenization, Promise<TokenizedText>>();
  const context: BenchContext = {
    device,
    report,
    ...wanted,
    shapes,
    datasetOf: async ({ tokenizer, context: tokens }) => {
      const text = texts.get(tokenizer) ?? openText(TEXT).then((stream) => tokenize(stream, tokenizer));
      texts.set(tokenizer, text);
      return splitText(await text, tokens);
    },
    print,
    // The file is written after each figure, because the next one may take hours or end the process.
    save: () => {
      if (path !== undefined) writeAtomically(path, json({ ...provenance(report), ...results.json }));
    },
  };
  context.print(headline(report));
  if (!asked && report.isFallback) {
    context.print(
      `A software renderer is slow, so only ${shapes} is measured; --shapes a,b measures the usual shapes.`,
    );
  }
  for (const stage of stages) {
    context.print(`\n${stage}`);
    await results.collect(stage, () => STAGES[stage](context, results));
    context.save();
  }
  device.destroy();
  return results.problems.length > 0 ? 1 : 0;
}

function headline(report: AdapterReport): string {
  const { runtime, date } = provenance(report);
  return `${report.name}, ${runtime}, ${date}`;
}

runCommand(main);
