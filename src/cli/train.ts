/** Entry point of `npm run train`, which trains one run in the terminal. */

import {
  type AdapterReport,
  createTrainer,
  DeviceAccess,
  type Ending,
  type NumericsFrame,
  type OpenGpu,
  type PresetName,
  Recovery,
  ResumableRun,
  type ResumableRunEvents,
  RunControl,
  sampleSteps,
  type Trainer,
  trainToEnding,
} from '../engine/index.ts';
import { openAdapter } from './adapter.ts';
import { beginRun } from './beginRun.ts';
import { endRun, showSample } from './endRun.ts';
import { lockFile } from './fileLock.ts';
import { helpText } from './help.ts';
import { endBySignal, onInterrupt } from './interrupt.ts';
import { evalLine, numericsLine, sharpnessLine, stepLine, summaryLine, warningLine } from './jsonLines.ts';
import { parseCommand, type TrainCommand } from './options.ts';
import { ProgressLine } from './progress.ts';
import { EXIT_FAILURE, onReaderGone, runCommand } from './runCommand.ts';
import { evalText, planText, presetNote, progressText, sharpnessText, summaryText } from './runText.ts';
import { newestSave, openSaver, type RunSaver, whatIsSaved } from './saveRun.ts';
import { StepRate } from './stepRate.ts';
import { show } from './terminal.ts';

async function main(args: readonly string[]): Promise<number> {
  const command = parseCommand(args);
  if (command.kind === 'help') {
    show(helpText());
    return 0;
  }
  const unlock = command.save && lockFile(command.save.path);
  try {
    await train(command);
  } finally {
    unlock?.();
  }
  return 0;
}

async function train(command: TrainCommand): Promise<void> {
  const screen = command.json ? process.stderr : process.stdout;
  const progress = new ProgressLine(screen);
  const control = new RunControl();
  // Before the first step there is nothing to summarise, so an interrupt ends the process immediately.
  let interrupted = endBySignal;
  onInterrupt(process, { stop: (signal) => interrupted(signal), kill: endBySignal });

  const gpu = new DeviceAccess(openAdapter);
  const adapter = async () => (await gpu.open()).report;
  const { preset, config, dataset, text, resume, initial, notes } = await beginRun(
    command,
    progress,
    adapter,
  );
  if (preset !== command.preset) show(presetNote(preset, command.preset), process.stderr);
  for (const note of notes) progress.print(`note: ${note}`);
  const recovery = new Recovery(gpu);
  const { save } = command;
  const stored = save && save.every > 0 ? () => newestSave(save.path) : undefined;
  const kept = new ResumableRun({ start: resume, stored, builtin: text.kind === 'builtin' ? text.id : null });
  let trainer: Trainer | undefined;
  let saver: RunSaver | null = null;

  const prepare = async ({ device, report }: OpenGpu): Promise<Trainer> => {
    const prepared = await kept.make(config, (trained, options) =>
      createTrainer(device, report, trained, dataset, {
        onProgress: (compiled, total) =>
          progress.update(() => `Compiling kernels ${compiled}/${total}`, compiled === total),
        initialValues: initial ? (name) => initial.get(name)! : undefined,
        ...options,
      }),
    );
    progress.finish();
    if (command.numericsEvery > 0) await prepared.numerics.enable(command.numericsEvery);
    return prepared;
  };
  try {
    const ended = await recovery.run({
      control,
      train: async (opened) => {
        // After a lost device, training resumes from the last save, which may still be being written.
        await saver?.settled();
        trainer = await prepare(opened);
        saver = save && (await openSaver(trainer, save, text, (line) => progress.print(line)));
        if (!kept.hasBegun) progress.print(planOf(trainer, command, preset));
        if (resume && !kept.hasBegun) progress.print(`Resumed    after step ${trainer.submittedSteps}`);
        if (save || command.exportTo) onReaderGone(() => control.stop());
        interrupted = () => {
          progress.print('Stopping after this step. Press Ctrl-C again to quit immediately.');
          control.stop();
        };
        const { summary, error } = await runWithProgress(trainer, command, progress, control, {
          saver,
          kept,
        });
        const unsaved = (await saver?.finish(trainer.submittedSteps)) ?? null;
        return { trainer, summary, error, unsaved };
      },
      drop: () => {
        kept.detach();
        progress.print('The GPU was lost. Trying to open it again.');
      },
      saved: () => whatIsSaved(save, kept.copy),
    });
    if (!ended) {
      // The run was stopped while there was no GPU.
      progress.print(await whatIsSaved(save, kept.copy));
      return;
    }
    const { summary, error } = ended;
    progress.finish();
    show(`${summaryText(summary, config)}\n`, screen);
    // The last line of all, behind that of the sample.
    const summarise = () => command.json && show(summaryLine(summary));
    interrupted = () => {
      summarise();
      process.exit(error ? EXIT_FAILURE : 0);
    };
    try {
      await endRun(ended, command, screen);
    } finally {
      summarise();
    }
  } finally {
    progress.finish();
    trainer?.destroy();
    gpu.close();
  }
}

function planOf(trainer: Trainer, command: TrainCommand, preset: PresetName): string {
  const { config, dataset, report, memory, storage, parameterCount: parameters } = trainer;
  return planText({
    adapter: adapterText(report, command.resume !== undefined, preset),
    config,
    dataset,
    parameters,
    storage,
    memory,
  });
}

function adapterText(report: AdapterReport, resumed: boolean, preset: PresetName): string {
  if (!report.isFallback) return report.name;
  // A resumed run cannot change its preset.
  const advice = preset === 'smoke' || resumed ? '' : ', which is slow; --preset smoke is meant for it';
  return `${report.name} (a software renderer${advice})`;
}

function runWithProgress(
  trainer: Trainer,
  { json, numericsEvery, samples }: TrainCommand,
  progress: ProgressLine,
  control: RunControl,
  { saver, kept }: { saver: RunSaver | null; kept: ResumableRun },
): Promise<Ending> {
  const { config } = trainer;
  const begun = trainer.submittedSteps;
  const rate = new StepRate();
  /** Numerics frames of steps that have not been reported yet. */
  const measured: NumericsFrame[] = [];
  const events: ResumableRunEvents = {
    onStep(metrics) {
      rate.record(metrics.step, performance.now());
      if (json) show(stepLine(metrics));
      if (measured[0]?.step === metrics.step) show(numericsLine(measured.shift()!));
      const first = metrics.step === begun + 1;
      const last = metrics.step === config.steps;
      progress.update(() => progressText(metrics, config, rate.stepsPerSecond), first || last);
    },
    onRepeated(metrics) {
      if (measured[0]?.step === metrics.step) measured.shift();
    },
    onEval(metrics) {
      if (json) show(evalLine(metrics));
      progress.print(evalText(metrics));
    },
    onSharpness(metrics) {
      if (json) show(sharpnessLine(metrics));
      progress.print(sharpnessText(metrics));
    },
    pauses: {
      after: config.sampleLength > 0 ? sampleSteps(config.steps, samples) : new Set(),
      take: async () => {
        progress.finish();
        await showSample(trainer, json, json ? process.stderr : process.stdout);
      },
    },
    async afterStep(step) {
      if (numericsEvery > 0 && step % numericsEvery === 0) {
        // Waits for the frame, so that it is here when the step is reported.
        await trainer.numerics.drain();
        measured.push(...trainer.numerics.takeFrames());
      }
      await saver?.afterStep(step);
    },
    onWarning(warning) {
      if (json) show(warningLine(warning));
      progress.print(`note: ${warning.message}\n      ${warning.hint}`);
    },
  };
  return trainToEnding(trainer, kept.attach(trainer, events), control);
}

runCommand(main);
