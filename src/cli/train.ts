/** Entry point of `npm run train`: one training run in the terminal. */
import {
  type AdapterReport,
  configure,
  createTrainer,
  presetOf,
  RunControl,
  type RunEvents,
  runTraining,
  splitText,
  TooManySkipsError,
  type TrainConfig,
  type Trainer,
  tokenize,
} from '../engine/index.ts';
import type { RunSummary } from '../engine/train/metrics.ts';
import { openAdapter } from './adapter.ts';
import { exportModel, prepareExport } from './exportModel.ts';
import { formatLoss } from './format.ts';
import { helpText } from './help.ts';
import {
  checkVocabulary,
  type InitialModel,
  openInitialModel,
  overridesOfModel,
  readModel,
} from './initialModel.ts';
import { onInterrupt } from './interrupt.ts';
import { evalLine, stepLine, summaryLine, troubleLine } from './jsonLines.ts';
import { type Command, parseCommand } from './options.ts';
import { ProgressLine } from './progress.ts';
import { runCommand } from './runCommand.ts';
import { planText, progressText, summaryText } from './runText.ts';
import { StepRate } from './stepRate.ts';
import { openText } from './texts.ts';

/** What shells report for a program that SIGINT ended. */
const EXIT_INTERRUPTED = 130;

type TrainCommand = Extract<Command, { kind: 'train' }>;

async function main(args: readonly string[]): Promise<number> {
  const command = parseCommand(args);
  if (command.kind === 'help') process.stdout.write(helpText());
  else await train(command);
  return 0;
}

async function train(command: TrainCommand): Promise<void> {
  const screen = command.json ? process.stderr : process.stdout;
  const progress = new ProgressLine(screen);
  const control = new RunControl();
  // Until the first step nothing has been learned that could be summed up; after the last, all has been said.
  let interrupted: () => void = () => process.exit(EXIT_INTERRUPTED);
  onInterrupt(process, { stop: () => interrupted(), kill: () => process.exit(EXIT_INTERRUPTED) });

  // Text and files come first: what is wrong with them should not wait for the GPU.
  const model = command.init === null ? null : await openInitialModel(command.init, command.given);
  const config = model ? configOfModel(model, command) : command.config;
  if (command.exportTo) await prepareExport(command.exportTo.folder);
  const text = await tokenize(await openText(command.text), model?.tokenizer ?? config.tokenizer);
  if (model) checkVocabulary(model, text.tokenizer, command.given);
  const dataset = splitText(text, config.context);
  const initial = model && (await readModel(model));
  const { device, report } = await openAdapter();
  const trainer = await createTrainer(device, report, config, dataset, {
    onProgress: (compiled, total) =>
      progress.update(() => `Compiling kernels ${compiled}/${total}`, compiled === total),
    initialValues: initial ? (name) => initial.get(name)! : undefined,
  });
  progress.finish();
  try {
    const { memory, storage, parameterCount: parameters } = trainer;
    progress.print(
      planText({ adapter: adapterText(report, command), config, dataset, parameters, storage, memory }),
    );
    interrupted = () => {
      progress.print('Stopping after this step. Press Ctrl-C again to end at once.');
      control.stop();
    };
    const summarise = (summary: RunSummary): void => {
      progress.finish();
      screen.write(`${summaryText(summary, config)}\n`);
      if (command.json) process.stdout.write(summaryLine(summary));
    };
    try {
      summarise(await runWithProgress(trainer, config, command.json, progress, control));
    } catch (error) {
      if (error instanceof TooManySkipsError) summarise(error.summary);
      throw error;
    }
    interrupted = () => process.exit(0);
    if (command.exportTo) {
      const { folder, dtype } = command.exportTo;
      await exportModel(trainer, folder, dtype);
      screen.write(`Exported   ${folder}, weights in ${dtype}\n`);
    }
    if (config.sampleLength > 0) screen.write(await sampleText(trainer));
  } finally {
    progress.finish();
    trainer.destroy();
    device.destroy();
  }
}

/** The file's shape, and all else as without it. */
function configOfModel(model: InitialModel, { preset, given }: TrainCommand): TrainConfig {
  return configure(presetOf(preset).config, { ...given, ...overridesOfModel(model) });
}

function adapterText(report: AdapterReport, { preset }: TrainCommand): string {
  if (!report.isFallback) return report.name;
  const advice = preset === 'smoke' ? '' : ', slow: --preset smoke is made for it';
  return `${report.name} (a software renderer${advice})`;
}

function runWithProgress(
  trainer: Trainer,
  config: TrainConfig,
  json: boolean,
  progress: ProgressLine,
  control: RunControl,
): Promise<RunSummary> {
  const rate = new StepRate();
  const events: RunEvents = {
    onStep(metrics) {
      rate.record(metrics.step, performance.now());
      if (json) process.stdout.write(stepLine(metrics));
      const first = metrics.step === 1;
      const last = metrics.step === config.steps;
      progress.update(() => progressText(metrics, config, rate.stepsPerSecond), first || last);
    },
    onEval(metrics) {
      if (json) process.stdout.write(evalLine(metrics));
      progress.print(`step ${metrics.step}  validation loss ${formatLoss(metrics.valLoss)}`);
    },
    onTrouble(trouble) {
      if (json) process.stdout.write(troubleLine(trouble));
      progress.print(`note: ${trouble.message}\n      ${trouble.hint}`);
    },
  };
  return runTraining(trainer, events, control);
}

async function sampleText(trainer: Trainer): Promise<string> {
  const { sampleLength: length, seed } = trainer.config;
  const sample = await trainer.sample({ prompt: '', length, temperature: 0.8, topK: 0, seed });
  return `\nA sample of ${length} tokens, temperature 0.8:\n${sample.trim()}\n`;
}

runCommand(main);
