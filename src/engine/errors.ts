/** Stable identifiers: tests and the page match on these, never on message text. */
export type ErrorCode =
  | 'UNKNOWN_OPTION'
  | 'UNKNOWN_PRESET'
  | 'UNKNOWN_MODE'
  | 'BAD_VALUE'
  | 'BAD_SHAPE'
  | 'BAD_TEXT'
  | 'TEXT_TOO_SHORT'
  | 'NO_WEBGPU'
  | 'NO_ADAPTER'
  | 'DEVICE_FAILED'
  | 'DEVICE_LOST'
  | 'LIMIT_EXCEEDED'
  | 'OUT_OF_MEMORY'
  | 'SHADER_COMPILE'
  | 'GPU_VALIDATION'
  | 'SELF_TEST_FAILED'
  | 'TOO_MANY_SKIPS';

/** Codes that mean "you asked for something impossible" (command line exit code 2) rather than "it failed" (1). */
const USAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  'UNKNOWN_OPTION',
  'UNKNOWN_PRESET',
  'UNKNOWN_MODE',
  'BAD_VALUE',
  'BAD_SHAPE',
  'BAD_TEXT',
  'TEXT_TOO_SHORT',
]);

/**
 * Every error a user can meet. `message` says what happened and gives both numbers where a limit
 * was passed; `hint` says what to do about it.
 */
export class EngineError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EngineError';
    this.code = code;
    this.hint = hint;
  }

  get isUsage(): boolean {
    return USAGE_CODES.has(this.code);
  }
}

/** The candidate nearest to `word` by edit distance, or undefined when nothing is close. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 2)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** "Did you mean X?" where something is close, else the list of what exists. */
export function suggestion(word: string, candidates: readonly string[]): string {
  const close = nearest(word, candidates);
  return close ? `Did you mean "${close}"?` : `Choose one of: ${candidates.join(', ')}.`;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}
