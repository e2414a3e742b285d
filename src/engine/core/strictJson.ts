/**
 * A JSON parser (RFC 8259) for untrusted files. `JSON.parse` silently keeps the last of several equal keys, and deep
 * nesting takes far more memory than the text itself. This parser refuses both.
 */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** Objects are maps, so that `__proto__` is an ordinary key. */
export type JsonObject = ReadonlyMap<string, JsonValue>;

/** Says why a text is not valid JSON, and where. */
export class JsonProblem extends Error {
  /** Position of the error in UTF-16 code units. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = 'JsonProblem';
    this.offset = offset;
  }
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/;
const LONGEST_NUMBER = 40;
const LONE_SURROGATE = /\p{Surrogate}/u;
const WORDS = { true: true, false: false, null: null } as const;
/** The words that Python's `json` module writes for non-finite numbers. */
const PYTHON_WORDS = { NaN: Number.NaN, Infinity: Infinity, '-Infinity': -Infinity } as const;

interface JsonOptions {
  /** Also accepts NaN, Infinity and -Infinity. */
  readonly python?: boolean;
}

/**
 * @param maxDepth largest number of nested arrays and objects
 * @throws JsonProblem
 */
export function parseStrictJson(
  text: string,
  maxDepth: number,
  { python = false }: JsonOptions = {},
): JsonValue {
  const parser = new Parser(text, maxDepth, python ? { ...WORDS, ...PYTHON_WORDS } : WORDS);
  const value = parser.value();
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #words: readonly (readonly [string, JsonValue])[];
  #at = 0;
  #depth = 0;

  constructor(text: string, maxDepth: number, words: Readonly<Record<string, JsonValue>>) {
    this.#text = text;
    this.#maxDepth = maxDepth;
    this.#words = Object.entries(words);
  }

  value(): JsonValue {
    this.#space();
    const next = this.#text[this.#at];
    if (next === '{') return this.#nested(() => this.#object());
    if (next === '[') return this.#nested(() => this.#array());
    if (next === '"') return this.#string();
    for (const [word, value] of this.#words) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    return this.#number();
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.#problem('something follows the value');
  }

  #nested<T>(read: () => T): T {
    if (this.#depth === this.#maxDepth) throw this.#problem(`nested more than ${this.#maxDepth} deep`);
    this.#depth += 1;
    this.#at += 1;
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #object(): JsonObject {
    const object = new Map<string, JsonValue>();
    if (this.#take('}')) return object;
    do {
      this.#space();
      const start = this.#at;
      if (this.#text[start] !== '"') throw this.#problem('a key is missing');
      const key = this.#string();
      if (object.has(key)) throw new JsonProblem(`the key ${quote(key)} is there twice`, start);
      this.#expect(':');
      object.set(key, this.value());
    } while (this.#take(','));
    this.#expect('}');
    return object;
  }

  #array(): readonly JsonValue[] {
    const array: JsonValue[] = [];
    if (this.#take(']')) return array;
    do array.push(this.value());
    while (this.#take(','));
    this.#expect(']');
    return array;
  }

  #string(): string {
    const start = this.#at;
    let end = start + 1;
    for (; this.#text[end] !== '"'; end++) {
      if (this.#text[end] === '\\') end += 1;
      if (end >= this.#text.length) throw this.#problem('a string does not end');
    }
    this.#at = end + 1;
    let value: string;
    try {
      value = JSON.parse(this.#text.slice(start, end + 1)) as string;
    } catch {
      throw new JsonProblem('a string has a control character or an unknown escape', start);
    }
    if (LONE_SURROGATE.test(value)) throw new JsonProblem('a string has half a character', start);
    return value;
  }

  #number(): number {
    const digits = NUMBER.exec(this.#text.slice(this.#at, this.#at + LONGEST_NUMBER))?.[0];
    if (digits === undefined || digits.length === LONGEST_NUMBER) throw this.#problem('no value is here');
    this.#at += digits.length;
    return Number(digits);
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw this.#problem(`"${character}" is missing`);
  }

  #take(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #space(): void {
    while (/[ \t\n\r]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #problem(message: string): JsonProblem {
    return new JsonProblem(message, this.#at);
  }
}

/** Quotes text from a file for a message, cut to 100 characters. */
export function quote(words: string): string {
  return JSON.stringify(words.length > 100 ? `${words.slice(0, 99)}…` : words);
}
