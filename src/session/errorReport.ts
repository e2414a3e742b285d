import { EngineError, type ErrorCode, RefusedMemoryError } from '../engine/index.ts';

/** Error codes of the session, beside those of the engine. */
export type SessionErrorCode =
  | 'GPU_BUSY'
  | 'SAVED_ELSEWHERE'
  | 'NOTHING_SAVED'
  | 'FILE_GONE'
  | 'NOT_ON_GPU'
  | 'NEEDS_PAUSE'
  | 'STORAGE_REFUSED'
  | 'STORAGE_FULL'
  | 'TEXT_UNAVAILABLE'
  | 'MODEL_UNAVAILABLE'
  | 'WORKER_BLOCKED'
  | 'WORKER_MISSING'
  | 'WORKER_FAILED'
  | 'UNEXPECTED';

/** An error as data. An Error object would lose its code and hint when it is posted between threads. */
export interface ErrorReport {
  readonly code: ErrorCode | SessionErrorCode;
  readonly message: string;
  readonly hint: string;
  /** Set when a run's memory was refused: the largest micro-batch that the GPU accepts instead. */
  readonly microBatch?: number;
}

export class SessionError extends Error {
  readonly report: ErrorReport;

  constructor(code: SessionErrorCode, message: string, hint: string) {
    super(message);
    this.name = 'SessionError';
    this.report = { code, message, hint };
  }
}

export function errorReport(cause: unknown): ErrorReport {
  if (cause instanceof EngineError) {
    const { code, message, hint } = cause;
    const microBatch = cause instanceof RefusedMemoryError ? cause.microBatch : 0;
    return { code, message, hint, ...(microBatch > 0 && { microBatch }) };
  }
  if (cause instanceof SessionError) return cause.report;
  const message = cause instanceof Error ? cause.message : String(cause);
  return {
    code: 'UNEXPECTED',
    message: message || 'Something failed without an error message.',
    hint: 'This looks like a bug in Halfstep. Reload the page; if it happens again, report it with the diagnostics.',
  };
}

/** The refusal of work that needs the GPU to itself while a run is training. */
export const BUSY: ErrorReport = {
  code: 'GPU_BUSY',
  message: 'The GPU is training.',
  hint: 'Stop the training or wait until it ends. Measured together, both would look slower than they are.',
};
