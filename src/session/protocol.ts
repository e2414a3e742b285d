/**
 * The whole contract between the page and the worker that owns the GPU. Commands are verbs, events say what
 * happened. Everything is plain data (or a File, which is a handle), so it survives structured cloning.
 *
 *   open       -> opened | unsupported
 *   checkText  -> textProgress* (textChecked | textRefused)     or, after cancelText, nothing
 *   loadText   -> textProgress* (textChecked | textRefused)     likewise
 *   train      -> (preparing* started metrics* [paused metrics* resumed]* finished sample? | runFailed)+ completed
 *                 with a sample after some of the steps; or, at any point, failed | lost
 *   sample     -> sampling sampleTokens* (sampled | sampleRefused)      while paused or after the end
 *   stopSample -> sampled, with the text so far; so do resume, stop and train
 */
import type { TextId } from '../engine/data/builtins.ts';
import type { AdapterReport, SampledToken } from '../engine/index.ts';
import type { HalfStorage } from '../engine/precision/formats.ts';
import type { TrainConfig } from '../engine/train/config.ts';
import type { EvalMetrics, MemoryBytes, RunSummary, StepMetrics } from '../engine/train/metrics.ts';
import type { ErrorReport } from './errorReport.ts';

export type { AdapterReport, ErrorReport, HalfStorage, MemoryBytes, RunSummary, SampledToken };

/** Why no training is possible here. The page has one text per reason. */
export type UnsupportedReason =
  | 'noNavigatorGpu'
  | 'insecureContext'
  | 'noAdapter'
  | 'deviceRequestFailed'
  | 'limitsTooLow'
  | 'blockedByPolicy';

export type TextSource =
  /** `folder` is the address under which the page serves its texts. */
  | { readonly kind: 'builtIn'; readonly id: TextId; readonly folder: string }
  /** `id` is that of its check: the same file is not read again. */
  | { readonly kind: 'own'; readonly id: number; readonly file: File };

/** How a text is to be read: refusals depend on it (a text must be longer than the context). */
export type TextUse = Pick<TrainConfig, 'tokenizer' | 'context'>;

/** What is being done to a text, and how many of its bytes it was done to; `size` is null where nobody knows it. */
export interface TextProgress {
  readonly stage: 'downloading' | 'reading' | 'tokenizing';
  readonly bytes: number;
  readonly size: number | null;
}

export interface TextFacts {
  readonly name: string;
  readonly bytes: number;
  readonly tokens: number;
  readonly vocabulary: number;
}

export interface SampleRequest {
  /** Empty for a neutral one. */
  readonly prompt: string;
  readonly length: number;
  readonly temperature: number;
  readonly topK: number;
  readonly seed: number;
}

export interface RunFacts {
  readonly parameters: number;
  /** How halves are stored; null where the mode has none. */
  readonly storage: HalfStorage | null;
  readonly memory: MemoryBytes;
  readonly kernels: Readonly<Record<string, string>>;
  readonly text: TextFacts;
}

/** A step with the milliseconds of training (pauses and evaluations left out) after which its figures arrived. */
export interface TimedStep extends StepMetrics {
  readonly time: number;
}

/** A sample as it begins. */
export interface SampleHeading extends SampleRequest {
  /** Written during a run, at its end, or because the visitor asked. */
  readonly kind: 'live' | 'end' | 'asked';
  /** Last step trained before the sample was drawn, and its loss in nats; null when it was not finite. */
  readonly step: number;
  readonly loss: number | null;
}

export interface SampleText extends SampleHeading {
  /** Without the prompt. Shorter than asked for when it was stopped. */
  readonly text: string;
  readonly tokens: readonly SampledToken[];
}

export type SessionCommand =
  | { readonly type: 'open' }
  | { readonly type: 'checkText'; readonly id: number; readonly file: File; readonly use: TextUse }
  /** Loads a text from an http or https address, then checks it like a file. */
  | { readonly type: 'loadText'; readonly id: number; readonly address: string; readonly use: TextUse }
  | { readonly type: 'cancelText'; readonly id: number }
  /**
   * Trains one configuration after the other, each from its own start, on the same text. `samples` (4) are written in each,
   * spread over its steps, the last at the end.
   */
  | {
      readonly type: 'train';
      readonly configs: readonly TrainConfig[];
      readonly text: TextSource;
      readonly samples?: number;
    }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'stop' }
  | { readonly type: 'sample'; readonly request: SampleRequest }
  | { readonly type: 'stopSample' };

/** `run` is the index of the configuration in the `train` command. */
export type SessionEvent =
  | { readonly type: 'opened'; readonly report: AdapterReport }
  | { readonly type: 'unsupported'; readonly reason: UnsupportedReason; readonly error: ErrorReport }
  | { readonly type: 'textProgress'; readonly id: number; readonly progress: TextProgress }
  /** With the file that is to be named when training on it. */
  | { readonly type: 'textChecked'; readonly id: number; readonly facts: TextFacts; readonly file: File }
  | { readonly type: 'textRefused'; readonly id: number; readonly error: ErrorReport }
  /** Kernels compiled of how many; 0 of 0 while the adapter is measured. */
  | { readonly type: 'preparing'; readonly run: number; readonly compiled: number; readonly total: number }
  | { readonly type: 'started'; readonly run: number; readonly facts: RunFacts }
  | {
      readonly type: 'metrics';
      readonly run: number;
      readonly steps: readonly TimedStep[];
      readonly evals: readonly EvalMetrics[];
    }
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' }
  | { readonly type: 'sampling'; readonly run: number; readonly heading: SampleHeading }
  | { readonly type: 'sampleTokens'; readonly run: number; readonly tokens: readonly SampledToken[] }
  | { readonly type: 'sampled'; readonly run: number; readonly sample: SampleText }
  | { readonly type: 'sampleRefused'; readonly error: ErrorReport }
  | { readonly type: 'finished'; readonly run: number; readonly summary: RunSummary }
  /** This mode cannot be trained on; the others still can. */
  | { readonly type: 'runFailed'; readonly run: number; readonly error: ErrorReport }
  | { readonly type: 'completed' }
  | { readonly type: 'failed'; readonly error: ErrorReport }
  | { readonly type: 'lost'; readonly error: ErrorReport };
