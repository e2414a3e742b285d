/**
 * JSON (RFC 8259) for files that anyone may have written. `JSON.parse` lets the last of repeated keys win in silence,
 * and nesting without end takes far more memory than its text: both are refused here.
 */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** A map, so that `__proto__` is a key like any other. */
export type JsonObject = ReadonlyMap<string, JsonValue>;

/** Where and why a text is not JSON. */
export class JsonProblem extends Error {
  /** In UTF-16 code units. */
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
/** What Python's `json` writes for numbers that JSON does not have. */
const PYTHON_WORDS = { NaN: Number.NaN, Infinity: Infinity, '-Infinity': -Infinity } as const;

interface JsonOptions {
  /** Also reads NaN, Infinity and -Infinity. */
  readonly python?: boolean;
}

/**
 * @param maxDepth of arrays and objects within each other
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

/** What others wrote is quoted only in part. */
export function quote(words: string): string {
  return JSON.stringify(words.length > 100 ? `${words.slice(0, 99)}…` : words);
}
