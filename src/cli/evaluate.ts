/** Entry point of `npm run evaluate`, which scores a text with a given model. */
import { tokenize } from '../engine/index.ts';
import { openAdapter } from './adapter.ts';
import { decimalNumber, readArguments } from './arguments.ts';
import { formatCount } from './format.ts';
import { MODEL_OPTIONS, openGivenModel } from './givenModel.ts';
import { optionList } from './help.ts';
import { textChoice } from './options.ts';
import { type OptionSpec, OPTIONS as TRAIN_OPTIONS } from './optionTable.ts';
import { ProgressLine } from './progress.ts';
import { runCommand } from './runCommand.ts';
import { show } from './terminal.ts';
import { openText, showReading } from './texts.ts';

const OPTIONS: readonly OptionSpec[] = [
  ...MODEL_OPTIONS,
  ...TRAIN_OPTIONS.filter(({ name }) => name === 'text' || name === 'data'),
  {
    kind: 'number',
    name: 'outliers',
    help: 'with int8 and int8-q, as in LLM.int8(): multiplies inputs in f32 in columns with a magnitude of N or more, of the tokens of a pass [none; LLM.int8() has 6]',
  },
  { kind: 'flag', name: 'json', help: 'print one JSON object: tokens, loss in nats, perplexity' },
  { kind: 'flag', name: 'help', short: 'h', help: 'this text' },
];

function help(): string {
  return `Usage: npm run evaluate -- --init DIR --data FILE [options]

The mean loss of a model over a text, in nats a token. Every token after the first is scored once. Where the text is longer
than the context, windows move by half the context, and a token counts in the window in which it has the longest context.

${optionList(OPTIONS)}
`;
}

async function main(args: readonly string[]): Promise<number> {
  const given = readArguments('evaluate', OPTIONS, args);
  if (given.has('help')) {
    show(help());
    return 0;
  }
  const text = textChoice(given);
  const model = await openGivenModel(given);
  for (const note of model.notes) show(`note: ${note}\n`, process.stderr);
  const progress = new ProgressLine(process.stderr);
  const { tokens } = await tokenize(await openText(text), model.tokenizer, {
    onProgress: showReading(progress),
  });
  progress.finish();
  const { device, report } = await openAdapter();
  const outliers = given.get('outliers');
  const options = outliers === undefined ? {} : { outliers: decimalNumber('outliers', outliers) };
  const opened = await model.open(device, report, options);
  const score = await opened.score(tokens, (scored, of) =>
    progress.update(() => `Scoring tokens ${formatCount(scored)}/${formatCount(of)}`, scored === of),
  );
  progress.finish();
  show(
    given.has('json')
      ? `${JSON.stringify(score)}\n`
      : `${formatCount(score.tokens)} tokens, loss ${score.loss.toFixed(6)}, perplexity ${score.perplexity.toFixed(3)}\n`,
  );
  opened.destroy();
  device.destroy();
  return 0;
}

runCommand(main);
