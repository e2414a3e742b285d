/** Entry point of `npm run sample`, which continues a text with a given model. */
import { checkSample } from '../engine/index.ts';
import { openAdapter } from './adapter.ts';
import { readArguments } from './arguments.ts';
import { openGivenModel } from './givenModel.ts';
import { optionList } from './help.ts';
import { runCommand } from './runCommand.ts';
import { SAMPLE_OPTIONS as OPTIONS, sampleOptions } from './sampleOptions.ts';
import { show } from './terminal.ts';

function help(): string {
  return `Usage: npm run sample -- --init DIR [options]

Continues a text with a model. Tokens that were computed once are kept as keys and values; when the context is full, its
second half is computed again as the beginning of the next. The same seed gives the same text.

${optionList(OPTIONS)}
`;
}

async function main(args: readonly string[]): Promise<number> {
  const given = readArguments('sample', OPTIONS, args);
  if (given.has('help')) {
    show(help());
    return 0;
  }
  const options = sampleOptions(given);
  checkSample(options);
  const model = await openGivenModel(given);
  for (const note of model.notes) show(`note: ${note}\n`, process.stderr);
  const { device, report } = await openAdapter();
  const opened = await model.open(device, report);
  const json = given.has('json');
  if (!json) show(options.prompt);
  const { ids, text, tokensPerSec } = await opened.generate(options, {
    onToken: (token) => {
      if (!json) show(token.text);
    },
  });
  if (json) show(`${JSON.stringify({ ids, text, tokensPerSec })}\n`);
  else
    show(`\n\n${ids.length} tokens${tokensPerSec === null ? '' : `, ${tokensPerSec.toFixed(1)} tokens/s`}\n`);
  opened.destroy();
  device.destroy();
  return 0;
}

runCommand(main);
