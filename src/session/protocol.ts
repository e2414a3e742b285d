/**
 * The whole contract between the page and the worker that owns the GPU. Commands are verbs, events say what
 * happened. Everything is plain data (or a File, which is a handle), so it survives structured cloning.
 *
 *   open       -> (opened savedRuns) | unsupported
 *   forgetSave -> savedRuns                    nothing where another tab has the storage
 *   save       -> what is trained is saved soon
 *   checkText  -> textProgress* (textChecked | textRefused)     or, after cancelText, nothing
 *   loadText   -> textProgress* (textChecked | textRefused)     likewise
 *   openFile   -> fileOpened | fileRefused      a model or a run in a file, whose training `from` then asks for
 *   export     -> exported | exportRefused      of a run on the GPU, whenever; of the saved one while nothing trains
 *   train      -> metrics? (preparing* started metrics* [paused metrics* resumed]* finished sample? | runFailed)+ completed
 *                 with trouble* and, of a single run, (autosaved | autosaveFailed)* among the metrics, and a sample after some of the steps; in lockstep the runs of a seed start together, and their
 *                 metrics interleave. A run whose device is lost is prepared and started again, with a trouble that says
 *                 so, and no step of it is told twice; the metrics before the first are those of a saved run that goes on; or, at any point, failed, or lost after two losses in a minute or where no GPU comes back
 *   sample     -> sampling sampleTokens* (sampled | sampleRefused)      while paused or after the end
 *   stopSample -> sampled, with the text so far; so do resume, stop and train
 *   numerics   -> numerics* | numericsRefused  frames of the runs, whenever they are trained
 *   inspect    -> inspected* | numericsRefused one frame a run, at any time
 *   benchmark  -> benchmarked | benchmarkRefused | benchmarkCancelled  refused while training
 *   confirmBatch -> batchTried* (batchConfirmed | batchRefused | batchCancelled)    likewise
 *   cancelMeasuring -> what is measured, or waits to be, ends as cancelled
 *
 * Besides, each command is followed by one `settled`, once its work is done as far as that may use the page's storage.
 */

import type {
  AdapterReport,
  BenchmarkResult,
  ConfirmedBatch,
  EvalMetrics,
  ExportDtype,
  HalfStorage,
  InspectedKind,
  MemoryBytes,
  NumericsFrame,
  RunChange,
  RunDescription,
  RunSummary,
  RunWarning,
  SampledToken,
  SharpnessMetrics,
  StartChecksums,
  StepMetrics,
  TextId,
  TokenizeProgress,
  TokenizerChoice,
  TrainConfig,
  WeightsShape,
} from '../engine/index.ts';
import type { ErrorReport } from './errorReport.ts';
import type { Place } from './storage/places.ts';

export type {
  AdapterReport,
  BenchmarkResult,
  ConfirmedBatch,
  ErrorReport,
  HalfStorage,
  InspectedKind,
  MemoryBytes,
  NumericsFrame,
  RunSummary,
  RunWarning,
  SampledToken,
};

/**
 * Sequential: a run at a time, with the GPU to itself. Lockstep: the runs of a seed together, a step each in turn, which
 * needs the memory of all and measures no speed.
 */
export const SCHEDULES = ['sequential', 'lockstep'] as const;
export type Schedule = (typeof SCHEDULES)[number];

/** Why no training is possible here. The page has one text per reason. */
export type UnsupportedReason =
  | 'noNavigatorGpu'
  | 'insecureContext'
  | 'noAdapter'
  | 'deviceRequestFailed'
  | 'limitsTooLow'
  | 'blockedByPolicy'
  | 'workerBlocked'
  | 'workerMissing';

export type TextSource =
  /** `folder` is the address under which the page serves its texts. */
  | { readonly kind: 'builtIn'; readonly id: TextId; readonly folder: string }
  /** `id` is that of its check: the same file is not read again. */
  | { readonly kind: 'own'; readonly id: number; readonly file: File };

/** How a text is to be read: refusals depend on it (a text must be longer than the context). */
export interface TextUse extends Pick<TrainConfig, 'tokenizer' | 'context'> {
  /** Id of the opened file whose tokenizer reads it, in place of one that is made for it. */
  readonly from?: number | undefined;
}

/** What is being done to a text, and how many of its bytes it was done to. */
export type TextProgress =
  | TokenizeProgress
  | { readonly stage: 'downloading'; readonly bytes: number; readonly size: number | null };

export interface TextFacts {
  readonly name: string;
  readonly bytes: number;
  readonly tokens: number;
  readonly vocabulary: number;
  /** Fingerprint of its UTF-8 bytes, 16 hex digits. */
  readonly checksum: string;
  /** Times that it has `<|endoftext|>`. */
  readonly endMarks: number;
  /** Bytes that no pair was learned from, since there was no room for more different words. */
  readonly unlearned: number;
  /** Fingerprint of its tokens, where not every version makes them alike. */
  readonly otherTokens?: string;
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
  /** From where on its last bits may differ from those of an undisturbed run. */
  readonly changes: readonly RunChange[];
  readonly text: TextFacts;
  /** Runs of one seed have the same, whatever their mode: what makes a comparison fair. */
  readonly start: StartChecksums;
  /** Steps that an earlier visit had taken; 0 for a new run. */
  readonly resumedAt: number;
}

/** A step with the milliseconds of training (pauses and evaluations left out) after which its figures arrived. */
export interface TimedStep extends StepMetrics {
  readonly time: number;
}

/** A sample as it begins. */
export interface SampleHeading extends SampleRequest {
  /** Written during a run, at its end, or because the visitor asked. */
  readonly kind: 'live' | 'end' | 'asked';
  /** Last step trained before the sample was drawn, and its loss in nats; null when it was not finite, and before step 1. */
  readonly step: number;
  readonly loss: number | null;
}

export interface SampleText extends SampleHeading {
  /** Without the prompt. Shorter than asked for when it was stopped. */
  readonly text: string;
  readonly tokens: readonly SampledToken[];
}

/** A run in a file, of the visitor's or of the page's private storage. */
export interface SavedRun extends Pick<RunDescription, 'config' | 'text' | 'savedAt'> {
  /** Steps taken. */
  readonly step: number;
  readonly bytes: number;
}

/** A run that is kept in the page's private storage. */
export interface StoredRun extends SavedRun {
  readonly place: Place;
  /** It took all its steps, or was ended in this visit; others are left to go on with. */
  readonly ended: boolean;
}

/** A run in the page's private storage that this version cannot read: it keeps its place until the visitor removes it. */
export interface UnreadableRun {
  readonly place: Place;
  /** The version of Halfstep that wrote it; null where it does not say. */
  readonly writer: string | null;
  /** Why it cannot be read. */
  readonly error: ErrorReport;
  /** Whether it can be taken as a run file. */
  readonly exported: boolean;
}

/** What a file of the visitor's holds: the weights of a model, or a run to go on with. */
export type OpenedFile =
  | {
      readonly kind: 'model';
      readonly name: string;
      readonly shape: WeightsShape;
      /** Null where neither the file nor a configuration beside it says. */
      readonly heads: number | null;
      /** Null where the text's must do. */
      readonly tokenizer: TokenizerChoice | null;
      /** What the number of tokens suggests, where nothing says what tokenizer it has. */
      readonly likelyTokenizer: TokenizerChoice | null;
      /** What was assumed of it, and what was left out that lies beside it: sentences. */
      readonly notes: readonly string[];
    }
  | { readonly kind: 'run'; readonly name: string; readonly saved: SavedRun };

/**
 * The run itself, to go on with here or on the command line; the model as Hugging Face's libraries read it; or that, the
 * run, its text and a program that goes on with it in PyTorch.
 */
const EXPORTS = ['run', 'model', 'cluster'] as const;
export type ExportKind = (typeof EXPORTS)[number];

export type SessionCommand =
  | { readonly type: 'open' }
  /** `config` and `tokenizer` are the `config.json` and `tokenizer.json` beside the weights, where there are any. */
  | {
      readonly type: 'openFile';
      readonly id: number;
      readonly file: File;
      readonly config: File | null;
      readonly tokenizer: File | null;
    }
  /** `of` is the index of a run that is on the GPU, or the place of a stored one. */
  | {
      readonly type: 'export';
      readonly what: ExportKind;
      readonly dtype: ExportDtype;
      readonly of: { readonly run: number } | { readonly place: Place };
      /** The address under which the page serves its own files. */
      readonly folder: string;
    }
  | { readonly type: 'checkText'; readonly id: number; readonly file: File; readonly use: TextUse }
  /** Loads a text from an http or https address, then checks it like a file. */
  | { readonly type: 'loadText'; readonly id: number; readonly address: string; readonly use: TextUse }
  | { readonly type: 'cancelText'; readonly id: number }
  /**
   * Trains every configuration, each from its own start, on the same text. `samples` (4) are written in each, spread over
   * its steps, the last at the end.
   */
  | {
      readonly type: 'train';
      readonly configs: readonly TrainConfig[];
      readonly schedule: Schedule;
      readonly text: TextSource;
      readonly samples?: number;
      /**
       * Goes on with the run of that place, whose configuration `configs` has, with more steps where it is to be trained on.
       * One that has taken them all is put on the GPU as it ended.
       */
      readonly resume?: Place;
      /** Id of an opened file: its run is gone on with, or every run starts from its weights. `configs` have its shape. */
      readonly from?: number;
      /** A text of fewer tokens than the model of `from` has is filled up to them. */
      readonly fill?: boolean;
      /**
       * Milliseconds between saves of a single run; left out where it is not to be saved. Several are never saved, nor is
       * one over what an earlier visit has left while the page was not told of it.
       */
      readonly autosaveMs?: number;
    }
  /** The page is hidden, and may be closed without another word. */
  | { readonly type: 'save' }
  | { readonly type: 'forgetSave'; readonly place: Place }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** An abandoned run is neither evaluated nor reported as finished: something else is to start at once. */
  | { readonly type: 'stop'; readonly abandon?: boolean }
  | { readonly type: 'sample'; readonly request: SampleRequest }
  | { readonly type: 'stopSample' }
  /** Steps between histograms of the gradients; null for none. Holds for all runs to come. */
  | { readonly type: 'numerics'; readonly interval: number | null }
  | { readonly type: 'inspect'; readonly what: InspectedKind }
  | { readonly type: 'benchmark' }
  /** Takes one real step of the configuration. Several are taken one after the other. */
  | {
      readonly type: 'confirmBatch';
      readonly id: number;
      readonly config: TrainConfig;
      readonly vocabulary: number;
    }
  /** Takes effect between two measurements, and before a step. */
  | { readonly type: 'cancelMeasuring' };

/** Told of every command once, when the worker has given back what it took of the page's storage for it. */
export interface Settled {
  readonly type: 'settled';
}

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
  /** `config` is what is trained: for want of memory its micro-batches may be smaller than was asked for. */
  | {
      readonly type: 'started';
      readonly run: number;
      readonly config: TrainConfig;
      readonly facts: RunFacts;
    }
  | {
      readonly type: 'metrics';
      readonly run: number;
      readonly steps: readonly TimedStep[];
      readonly evals: readonly EvalMetrics[];
      readonly sharpness: readonly SharpnessMetrics[];
    }
  | { readonly type: 'fileOpened'; readonly id: number; readonly file: OpenedFile }
  | { readonly type: 'fileRefused'; readonly id: number; readonly error: ErrorReport }
  | { readonly type: 'exported'; readonly name: string; readonly content: Blob }
  | { readonly type: 'exportRefused'; readonly error: ErrorReport }
  /**
   * What the storage holds. After `opened`, after `forgetSave`, and after a training that was saved; once more where another
   * tab had the storage then, as soon as that gives it back.
   */
  | {
      readonly type: 'savedRuns';
      readonly stored: readonly StoredRun[];
      readonly unreadable: readonly UnreadableRun[];
    }
  | {
      readonly type: 'autosaved';
      readonly run: number;
      readonly place: Place;
      readonly step: number;
      /** Bytes of the page's storage, used and allowed; null where the browser does not tell. */
      readonly storage: { readonly usage: number; readonly quota: number } | null;
      /** True where the GPU has no room for a copy of the run, so that training stands while it is read. */
      readonly pauses: boolean;
    }
  | { readonly type: 'autosaveFailed'; readonly run: number; readonly error: ErrorReport }
  /** Told once each time it begins; the run goes on. */
  | { readonly type: 'trouble'; readonly run: number; readonly trouble: RunWarning }
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' }
  | { readonly type: 'sampling'; readonly run: number; readonly heading: SampleHeading }
  | { readonly type: 'sampleTokens'; readonly run: number; readonly tokens: readonly SampledToken[] }
  | { readonly type: 'sampled'; readonly run: number; readonly sample: SampleText }
  | { readonly type: 'sampleRefused'; readonly error: ErrorReport }
  | { readonly type: 'finished'; readonly run: number; readonly summary: RunSummary }
  /** This mode cannot be trained on; the others still can. */
  | { readonly type: 'runFailed'; readonly run: number; readonly error: ErrorReport }
  | { readonly type: 'numerics'; readonly run: number; readonly frame: NumericsFrame }
  | {
      readonly type: 'inspected';
      readonly run: number;
      readonly what: InspectedKind;
      readonly frame: NumericsFrame;
    }
  | { readonly type: 'numericsRefused'; readonly error: ErrorReport }
  | { readonly type: 'completed' }
  | { readonly type: 'benchmarked'; readonly result: BenchmarkResult }
  | { readonly type: 'benchmarkRefused'; readonly error: ErrorReport }
  | { readonly type: 'benchmarkCancelled' }
  | { readonly type: 'batchTried'; readonly id: number; readonly batch: number }
  | { readonly type: 'batchConfirmed'; readonly id: number; readonly result: ConfirmedBatch }
  | { readonly type: 'batchRefused'; readonly id: number; readonly error: ErrorReport }
  | { readonly type: 'batchCancelled'; readonly id: number }
  | { readonly type: 'failed'; readonly error: ErrorReport }
  | { readonly type: 'lost'; readonly error: ErrorReport };
