/** Entry point of `npm run train`: one training run in the terminal. */
import {
  type AdapterReport,
  createTrainer,
  RunControl,
  type RunEvents,
  runTraining,
  TooManySkipsError,
  type Trainer,
} from '../engine/index.ts';
import type { NumericsFrame } from '../engine/numerics/frame.ts';
import type { RunSummary } from '../engine/train/metrics.ts';
import { openAdapter } from './adapter.ts';
import { beginRun } from './beginRun.ts';
import { exportModel } from './exportModel.ts';
import { formatLoss } from './format.ts';
import { helpText } from './help.ts';
import { onInterrupt } from './interrupt.ts';
import { evalLine, numericsLine, sharpnessLine, stepLine, summaryLine, troubleLine } from './jsonLines.ts';
import { parseCommand, type TrainCommand } from './options.ts';
import { ProgressLine } from './progress.ts';
import { runCommand } from './runCommand.ts';
import { planText, progressText, sharpnessText, summaryText } from './runText.ts';
import { openSaver, type RunSaver } from './saveRun.ts';
import { StepRate } from './stepRate.ts';

/** What shells report for a program that SIGINT ended. */
const EXIT_INTERRUPTED = 130;

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

  const { config, dataset, text, resume, initial } = await beginRun(command);
  const { device, report } = await openAdapter();
  const trainer = await createTrainer(device, report, config, dataset, {
    onProgress: (compiled, total) =>
      progress.update(() => `Compiling kernels ${compiled}/${total}`, compiled === total),
    resume,
    initialValues: initial ? (name) => initial.get(name)! : undefined,
  });
  progress.finish();
  try {
    const saver =
      command.save && (await openSaver(trainer, command.save, text, (line) => progress.print(line)));
    const { memory, storage, parameterCount: parameters } = trainer;
    progress.print(
      planText({ adapter: adapterText(report, command), config, dataset, parameters, storage, memory }),
    );
    if (resume) progress.print(`Resumed    after step ${resume.progress.attempted}`);
    interrupted = () => {
      progress.print('Stopping after this step. Press Ctrl-C again to end at once.');
      control.stop();
    };
    const summarise = (summary: RunSummary): void => {
      progress.finish();
      screen.write(`${summaryText(summary, config)}\n`);
      if (command.json) process.stdout.write(summaryLine(summary));
    };
    if (command.numericsEvery > 0) await trainer.numerics.enable(command.numericsEvery);
    try {
      summarise(await runWithProgress(trainer, command, progress, control, saver));
      await saver?.finish(trainer.submittedSteps);
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

function adapterText(report: AdapterReport, { preset }: TrainCommand): string {
  if (!report.isFallback) return report.name;
  const advice = preset === 'smoke' ? '' : ', slow: --preset smoke is made for it';
  return `${report.name} (a software renderer${advice})`;
}

function runWithProgress(
  trainer: Trainer,
  { json, numericsEvery }: TrainCommand,
  progress: ProgressLine,
  control: RunControl,
  saver: RunSaver | null,
): Promise<RunSummary> {
  const { config } = trainer;
  const begun = trainer.submittedSteps;
  const rate = new StepRate();
  /** Of steps whose own lines are still to come. */
  const measured: NumericsFrame[] = [];
  const events: RunEvents = {
    onStep(metrics) {
      rate.record(metrics.step, performance.now());
      if (json) process.stdout.write(stepLine(metrics));
      if (measured[0]?.step === metrics.step) process.stdout.write(numericsLine(measured.shift()!));
      const first = metrics.step === begun + 1;
      const last = metrics.step === config.steps;
      progress.update(() => progressText(metrics, config, rate.stepsPerSecond), first || last);
    },
    onEval(metrics) {
      if (json) process.stdout.write(evalLine(metrics));
      progress.print(`step ${metrics.step}  validation loss ${formatLoss(metrics.valLoss)}`);
    },
    onSharpness(metrics) {
      if (json) process.stdout.write(sharpnessLine(metrics));
      progress.print(sharpnessText(metrics));
    },
    async afterStep(step) {
      if (numericsEvery > 0 && step % numericsEvery === 0) {
        // So that no later step finds its measurements unread.
        await trainer.numerics.drain();
        measured.push(...trainer.numerics.takeFrames());
      }
      await saver?.afterStep(step);
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
