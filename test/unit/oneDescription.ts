/** Checks that the model's names and widths are written in only one place of the engine. */
interface Rule {
  readonly what: string;
  readonly pattern: RegExp;
  /** The files that may contain it. */
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

/** The oracle is a separate description on purpose, because it must be independent. */
const APART = /^src\/engine\/reference\//;

/** Finds lines of a source file that describe the model again. */
export function repeatedDescriptions(file: string, source: string): string[] {
  if (APART.test(file)) return [];
  return RULES.filter(({ allowed }) => !allowed.test(file)).flatMap(({ what, pattern }) =>
    source
      .split('\n')
      .filter((line) => pattern.test(line))
      .map((line) => `${file} writes ${what}: ${line.trim()}`),
  );
}
