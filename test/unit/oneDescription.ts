/** What may be written in one place of the engine only: the model's names and widths. */
interface Rule {
  readonly what: string;
  readonly pattern: RegExp;
  /** Where it may stand. */
  readonly allowed: RegExp;
}

const RULES: readonly Rule[] = [
  { what: 'the name of a block', pattern: /`[^`]*\bh\.\$\{/, allowed: /^src\/engine\/model\/site\.ts$/ },
  {
    what: 'a width of a layer',
    pattern: /\b[34] \* [\w.]*(width|\bC\b)/i,
    allowed: /^src\/engine\/(model\/layers\/|config\/gptConfig\.ts$)/,
  },
  { what: 'a name matched by its ending', pattern: /name\w*\.endsWith\(/, allowed: /^$/ },
];

/** The oracle is a description of its own: its independence is its worth. */
const APART = /^src\/engine\/reference\//;

/** Lines of a source file that describe the model once more. */
export function repeatedDescriptions(file: string, source: string): string[] {
  if (APART.test(file)) return [];
  return RULES.filter(({ allowed }) => !allowed.test(file)).flatMap(({ what, pattern }) =>
    source
      .split('\n')
      .filter((line) => pattern.test(line))
      .map((line) => `${file} writes ${what}: ${line.trim()}`),
  );
}
