/**
 * The protocol between the page and the worker that owns the GPU. Commands are verbs; events say what happened.
 * Everything is plain data, or a File (a handle), so that it survives structured cloning.
 *
 *   open       -> (opened savedRuns) | unsupported
 *   forgetSave -> savedRuns | forgetRefused    refused while another tab holds the storage
 *   save       -> the run is saved soon
 *   checkText  -> textProgress* (textChecked | textRefused)     or, after cancelText, nothing
 *   loadText   -> textProgress* (textChecked | textRefused)     likewise
 *   openFile   -> fileOpened | fileRefused      a model or a run; `train` refers to it by `from`
 *   loadModel  -> fileProgress* (fileOpened | fileRefused)      or, after cancelFile, nothing
 *   export     -> exported | exportRefused      a run on the GPU, or kept of a comparison, at any time; a saved run only
 *                 while nothing trains
 *   train      -> metrics? (preparing* started metrics* [paused metrics* resumed]* finished sample? | runFailed)+ completed
 *                 Among the metrics come warning* and, for a single run, (autosaved | autosaveFailed)*; a sample follows
 *                 some of the steps. In lockstep the runs of a seed start together and their metrics interleave.
 *                 A run whose device is lost is prepared and started again, with a warning that says so; no step is
 *                 reported twice. Metrics before `started` belong to the saved run that is resumed. At any point the
 *                 training may end with failed, or with lost: after two losses within a minute, or when no GPU comes back.
 *   sample     -> sampling sampleTokens* (sampled | sampleRefused)      while paused or after the end
 *   stopSample -> sampled, with the text so far; resume, stop and train have the same effect
 *   numerics   -> numerics* | numericsRefused  frames of the runs while they train
 *   inspect    -> inspected* | numericsRefused one frame for each run, at any time
 *   benchmark  -> benchmarked | benchmarkRefused | benchmarkCancelled  refused while training
 *   scoreText  -> textScored | scoreRefused | scoreCancelled    likewise
 *   confirmBatch -> batchTried* (batchConfirmed | batchRefused | batchCancelled)    likewise
 *   measureStep -> stepMeasured | stepRefused | stepCancelled       likewise
 *   cancelMeasuring -> the current measurement and those waiting end as cancelled
 *
 * Each command is also followed by one `settled`, once it no longer uses the page's storage.
 */

import type {
  AdapterReport,
  BenchmarkResult,
  ConfirmedBatch,
  EvalMetrics,
  ExportFormat,
  HalfStorage,
  InspectedKind,
  MeasuredStep,
  MemoryBytes,
  NumericsFrame,
  PrecisionMode,
  RunChange,
  RunSummary,
  RunWarning,
  SampledToken,
  Score,
  SharpnessMetrics,
  StartChecksums,
  StepMetrics,
  TextId,
  TokenizeProgress,
  TrainConfig,
  WeightsOfRun,
} from '../engine/index.ts';
import type { ErrorReport } from './errorReport.ts';
import type { FileProgress, OpenedFile, SavedRun, StoredRun, UnreadableRun } from './fileProtocol.ts';
import type { Place } from './storage/places.ts';

export type {
  AdapterReport,
  BenchmarkResult,
  ConfirmedBatch,
  ErrorReport,
  FileProgress,
  HalfStorage,
  InspectedKind,
  MeasuredStep,
  MemoryBytes,
  NumericsFrame,
  OpenedFile,
  RunSummary,
  RunWarning,
  SampledToken,
  SavedRun,
  StoredRun,
  UnreadableRun,
};

/**
 * Sequential: one run at a time, with the GPU to itself. Lockstep: the runs of a seed take turns, one step each; this
 * needs the memory of all of them and measures no speed.
 */
export const SCHEDULES = ['sequential', 'lockstep'] as const;
export type Schedule = (typeof SCHEDULES)[number];

/** Why training is impossible here. The page has one text for each reason. */
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
  /** `folder` is the address from which the page serves its texts. */
  | { readonly kind: 'builtIn'; readonly id: TextId; readonly folder: string }
  /** `id` is that of the text check: the same file is not read again. */
  | { readonly kind: 'own'; readonly id: number; readonly file: File };

/** How a text will be used. Whether it is refused depends on it: a text must be longer than the context. */
export interface TextUse extends Pick<TrainConfig, 'tokenizer' | 'context'> {
  /** Id of the opened file whose tokenizer reads the text, instead of one built from the text. */
  readonly from?: number | undefined;
}

/** The stage of reading a text, and how many bytes it has reached. */
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
  /** Number of `<|endoftext|>` marks in the text. */
  readonly endMarks: number;
  /** Bytes of words that came after the tokenizer's word table was full, so that no pair was learned from them. */
  readonly unlearned: number;
  /** Fingerprint of the tokens, set when versions of Halfstep tokenize this text differently. */
  readonly changedTokens?: string;
}

export interface SampleRequest {
  /** Empty for a neutral prompt. */
  readonly prompt: string;
  readonly length: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP?: number;
  readonly repetitionPenalty?: number;
  readonly seed: number;
  /** The trained weights by default; `average` is for runs that keep averages. */
  readonly weights?: WeightsOfRun;
}

export interface RunFacts {
  readonly parameters: number;
  /** How 16-bit values are stored; null where the mode has none. */
  readonly storage: HalfStorage | null;
  readonly memory: MemoryBytes;
  readonly kernels: Readonly<Record<string, string>>;
  /** The steps from which the last bits may differ from those of an undisturbed run. */
  readonly changes: readonly RunChange[];
  readonly text: TextFacts;
  /** Equal for all runs of one seed, whatever their mode: proof that a comparison is fair. */
  readonly start: StartChecksums;
  /** Steps taken before this visit; 0 for a new run. */
  readonly resumedAt: number;
}

/** A step with the milliseconds of training, without pauses and evaluations, up to the arrival of its figures. */
export interface TimedStep extends StepMetrics {
  readonly time: number;
}

/** A sample's request and the state of the model when it begins. */
export interface SampleHeading extends SampleRequest {
  /** Written during a run, at its end, or on the visitor's request. */
  readonly kind: 'live' | 'end' | 'asked';
  /** Last step before the sample was drawn, and its loss in nats; null when it was not finite, and before step 1. */
  readonly step: number;
  readonly loss: number | null;
}

export interface SampleText extends SampleHeading {
  /** Without the prompt. Shorter than requested when it was stopped, or ended with a token that ends a text. */
  readonly text: string;
  /** The new tokens. */
  readonly ids: readonly number[];
  readonly tokens: readonly SampledToken[];
  /** Of the tokens after the first, which waits for the prompt; null where there are none. */
  readonly tokensPerSec: number | null;
}

/**
 * `run`: the run itself, to resume here or on the command line. `model`: the model as Hugging Face's libraries read it.
 * `cluster`: both, the text, and a program that continues the run in PyTorch.
 */
const EXPORTS = ['run', 'model', 'cluster'] as const;
export type ExportKind = (typeof EXPORTS)[number];

export type SessionCommand =
  | { readonly type: 'open' }
  /**
   * `config`, `tokenizer` and `generation` are the `config.json`, `tokenizer.json` and `generation_config.json` beside the
   * weights, if any. Where `file` is an index, `shards` are the files that were given with it.
   */
  | {
      readonly type: 'openFile';
      readonly id: number;
      readonly file: File;
      readonly config: File | null;
      readonly tokenizer: File | null;
      readonly generation: File | null;
      readonly shards: readonly File[];
    }
  /**
   * Downloads a model's files from an http or https address and opens them. What an earlier attempt at the same address
   * left is continued.
   */
  | { readonly type: 'loadModel'; readonly id: number; readonly address: string }
  /** Ends the download. `keep` says whether what has arrived stays for another attempt. */
  | { readonly type: 'cancelFile'; readonly keep: boolean }
  /** `of` is the index of a run that is on the GPU, or the place of a stored one. */
  | {
      readonly type: 'export';
      readonly what: ExportKind;
      readonly dtype: ExportFormat;
      /** Of the model; a run file has both. */
      readonly weights: WeightsOfRun;
      readonly of: { readonly run: number } | { readonly place: Place };
      /** The address from which the page serves its own files. */
      readonly folder: string;
    }
  | { readonly type: 'checkText'; readonly id: number; readonly file: File; readonly use: TextUse }
  /** Loads a text from an http or https address, then checks it like a file. */
  | { readonly type: 'loadText'; readonly id: number; readonly address: string; readonly use: TextUse }
  | { readonly type: 'cancelText'; readonly id: number }
  /**
   * Trains every configuration, each from its own start, on the same text. Each writes `samples` samples (default 4),
   * spread over its steps, the last at the end.
   */
  | {
      readonly type: 'train';
      readonly configs: readonly TrainConfig[];
      readonly schedule: Schedule;
      readonly text: TextSource;
      readonly samples?: number;
      /**
       * Continues the run saved at that place, whose configuration `configs` holds, with more steps if it is to train
       * longer. A run that has taken all its steps is put on the GPU in its final state.
       */
      readonly resume?: Place;
      /** Id of an opened file: its run is continued, or every run starts from its weights. `configs` have its shape. */
      readonly from?: number;
      /** Whether a text with a smaller vocabulary than the model of `from` is padded to the model's. */
      readonly fill?: boolean;
      /**
       * Milliseconds between saves of a single run; left out where it is not saved. Several runs are never saved, and
       * no run overwrites what an earlier visit left before the page has received `savedRuns`.
       */
      readonly autosaveMs?: number;
    }
  /** The page is hidden and may be closed without further notice. */
  | { readonly type: 'save' }
  | { readonly type: 'forgetSave'; readonly place: Place }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** An abandoned run is neither evaluated nor reported as finished, because another one is to start at once. */
  | { readonly type: 'stop'; readonly abandon?: boolean }
  /** `run` may have left the GPU for others of its comparison; left out, every run on the GPU writes a sample. */
  | { readonly type: 'sample'; readonly request: SampleRequest; readonly run?: number }
  | { readonly type: 'stopSample' }
  /**
   * Steps between histograms of the gradients; null for none. Without `noise` (default true) only exponents are counted,
   * with fewer kernels. Applies to all later runs too.
   */
  | { readonly type: 'numerics'; readonly interval: number | null; readonly noise?: boolean }
  /** `run` as in `sample`. */
  | { readonly type: 'inspect'; readonly what: InspectedKind; readonly run?: number }
  | { readonly type: 'benchmark' }
  /** Takes one real step of the configuration. Several requests run one after the other. */
  | {
      readonly type: 'confirmBatch';
      readonly id: number;
      readonly config: TrainConfig;
      readonly vocabulary: number;
    }
  /** Measures how long a step of the configuration takes. */
  | {
      readonly type: 'measureStep';
      readonly id: number;
      readonly config: TrainConfig;
      readonly vocabulary: number;
    }
  /** Scores a text with the model of opened file `id`, whose shape `config` has. */
  | { readonly type: 'scoreText'; readonly id: number; readonly text: string; readonly config: TrainConfig }
  /** Takes effect between two measurements and before each step. */
  | { readonly type: 'cancelMeasuring' };

/** Posted once for every command, when the worker has released the page's storage for it. */
export interface Settled {
  readonly type: 'settled';
}

/** `run` is the index of the configuration in the `train` command. */
export type SessionEvent =
  | { readonly type: 'opened'; readonly report: AdapterReport }
  | { readonly type: 'unsupported'; readonly reason: UnsupportedReason; readonly error: ErrorReport }
  | { readonly type: 'textProgress'; readonly id: number; readonly progress: TextProgress }
  /** `file` is the one to name in `train`. */
  | { readonly type: 'textChecked'; readonly id: number; readonly facts: TextFacts; readonly file: File }
  | { readonly type: 'textRefused'; readonly id: number; readonly error: ErrorReport }
  /** Kernels compiled, of `total`; 0 of 0 while the adapter is measured. */
  | { readonly type: 'preparing'; readonly run: number; readonly compiled: number; readonly total: number }
  /** `config` is what is trained: its micro-batches may be smaller than requested when memory is short. */
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
  | { readonly type: 'fileProgress'; readonly id: number; readonly progress: FileProgress }
  | { readonly type: 'fileOpened'; readonly id: number; readonly file: OpenedFile }
  | { readonly type: 'fileRefused'; readonly id: number; readonly error: ErrorReport }
  | { readonly type: 'exported'; readonly name: string; readonly content: Blob }
  | { readonly type: 'exportRefused'; readonly error: ErrorReport }
  /**
   * The saved runs in the storage. Posted after `opened`, after `forgetSave`, and after a training that was saved; if another
   * tab held the storage after `opened` or a training, again as soon as it is free.
   */
  | {
      readonly type: 'savedRuns';
      readonly stored: readonly StoredRun[];
      readonly unreadable: readonly UnreadableRun[];
    }
  | { readonly type: 'forgetRefused'; readonly error: ErrorReport }
  | {
      readonly type: 'autosaved';
      readonly run: number;
      readonly place: Place;
      readonly step: number;
      /** Bytes of the page's storage, used and allowed; null where the browser does not report them. */
      readonly storage: { readonly usage: number; readonly quota: number } | null;
      /** True when the GPU has no room for a copy of the run, so that training pauses while its state is read. */
      readonly pauses: boolean;
    }
  | { readonly type: 'autosaveFailed'; readonly run: number; readonly error: ErrorReport }
  /** Posted once each time a problem begins; the run continues. */
  | { readonly type: 'warning'; readonly run: number; readonly warning: RunWarning }
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' }
  | { readonly type: 'sampling'; readonly run: number; readonly heading: SampleHeading }
  | { readonly type: 'sampleTokens'; readonly run: number; readonly tokens: readonly SampledToken[] }
  | { readonly type: 'sampled'; readonly run: number; readonly sample: SampleText }
  | { readonly type: 'sampleRefused'; readonly error: ErrorReport }
  | { readonly type: 'finished'; readonly run: number; readonly summary: RunSummary }
  /** This run cannot continue; the others can. */
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
  | {
      readonly type: 'textScored';
      readonly id: number;
      readonly score: Score;
      readonly precision: PrecisionMode;
    }
  | { readonly type: 'scoreRefused'; readonly id: number; readonly error: ErrorReport }
  | { readonly type: 'scoreCancelled'; readonly id: number }
  | { readonly type: 'batchTried'; readonly id: number; readonly batch: number }
  | { readonly type: 'batchConfirmed'; readonly id: number; readonly result: ConfirmedBatch }
  | { readonly type: 'batchRefused'; readonly id: number; readonly error: ErrorReport }
  | { readonly type: 'batchCancelled'; readonly id: number }
  | { readonly type: 'stepMeasured'; readonly id: number; readonly result: MeasuredStep }
  | { readonly type: 'stepRefused'; readonly id: number; readonly error: ErrorReport }
  | { readonly type: 'stepCancelled'; readonly id: number }
  | { readonly type: 'failed'; readonly error: ErrorReport }
  | { readonly type: 'lost'; readonly error: ErrorReport };
