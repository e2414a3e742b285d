/** Stable identifiers. Tests and the page match on these, never on message text. */
export type ErrorCode =
  | 'UNKNOWN_OPTION'
  | 'UNKNOWN_PRESET'
  | 'UNKNOWN_MODE'
  | 'BAD_VALUE'
  | 'BAD_SHAPE'
  | 'BAD_TEXT'
  | 'TEXT_TOO_SHORT'
  | 'TOKENIZER_UNAVAILABLE'
  | 'WRONG_RUN'
  | 'SAVE_FAILED'
  | 'BAD_FILE'
  | 'NOT_FINITE'
  | 'WRONG_MODEL'
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

/** Codes that mean that the input was wrong (exit code 2 of the command line), as opposed to a failure (exit code 1). */
const USAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  'UNKNOWN_OPTION',
  'UNKNOWN_PRESET',
  'UNKNOWN_MODE',
  'BAD_VALUE',
  'BAD_SHAPE',
  'BAD_TEXT',
  'TEXT_TOO_SHORT',
  'WRONG_RUN',
  'BAD_FILE',
  'NOT_FINITE',
  'WRONG_MODEL',
]);

/**
 * An error that a user can see. `message` says what happened, with the value and the limit where one was exceeded;
 * `hint` says how to fix it.
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

/**
 * The candidate that starts with `word`, else the one at the smallest edit distance; undefined when none is within one
 * edit for every three letters of `word`.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const wanted = String(word).toLowerCase(); // untyped callers may pass something other than a string
  const completion =
    wanted.length >= 2 && candidates.find((candidate) => candidate.toLowerCase().startsWith(wanted));
  if (completion) return completion;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** "Did you mean X?" when a candidate is close, else the list of all candidates. */
export function suggestion(word: string, candidates: readonly string[]): string {
  const close = nearest(word, candidates);
  return close ? `Did you mean "${close}"?` : `Choose one of: ${candidates.join(', ')}.`;
}

/** The number of insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const above = rows[i - 1]!;
      const substitution = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(substitution, above[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      }
      row.push(least);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
