/** Encodes a text that arrives in pieces with a loaded tokenizer. */
import type { JoiningEncoder } from '../joining.ts';
import type { Span } from '../longWord.ts';
import { WordTokens } from '../wordPieces.ts';
import { encoderOf } from './encoders.ts';
import { type MakeSection, type Section, sectionsOf } from './sections.ts';
import type { LoadedModel } from './tokenizerFile.ts';

/** Code points that are turned into a string at a time, since they are arguments of a function. */
const AT_ONCE = 2 ** 13;

/** What the readers of one tokenizer share. */
export class LoadedEncoder {
  readonly model: LoadedModel;
  readonly encoder: JoiningEncoder;
  readonly sections: MakeSection;

  /** @throws as `sectionsOf` */
  constructor(model: LoadedModel) {
    this.model = model;
    this.encoder = encoderOf(model);
    this.sections = sectionsOf(model);
  }
}

export class LoadedReader {
  readonly #take: (ids: readonly number[]) => void;
  readonly #section: Section;
  readonly #added: ReadonlyMap<string, number>;
  /** Finds added tokens, of two at one place the longer; null when there is none. */
  readonly #pattern: RegExp | null;
  /** Code units of the longest added token. */
  readonly #longestAdded: number;
  #held = '';

  /** @param take receives the ids of the text, a few at a time, without those that every text begins with */
  constructor(
    { model, encoder, sections }: LoadedEncoder,
    take: (ids: readonly number[]) => void,
    span: Span,
  ) {
    this.#take = take;
    this.#section = sections(new WordTokens(encoder, take, span), span);
    this.#added = model.added;
    const names = [...model.added.keys()].sort((a, b) => b.length - a.length);
    this.#pattern = names.length > 0 ? new RegExp(names.map(escaped).join('|'), 'g') : null;
    this.#longestAdded = names[0]?.length ?? 1;
  }

  /** Characters of the longest word so far. */
  get longestWord(): number {
    return this.#section.longest;
  }

  /** @throws SpanTooShort */
  push(codePoints: ArrayLike<number>): void {
    for (let at = 0; at < codePoints.length; at += AT_ONCE) {
      this.#held += String.fromCodePoint(...Array.prototype.slice.call(codePoints, at, at + AT_ONCE));
    }
    this.#read(this.#held.length - (this.#longestAdded - 1));
  }

  /** @throws SpanTooShort */
  end(): void {
    this.#read(this.#held.length);
    this.#section.end();
  }

  /** Reads the held text up to `limit`, from which on an added token may not be complete. */
  #read(limit: number): void {
    let from = 0;
    for (let found = this.#next(0); found && found.index < limit; found = this.#next(from)) {
      const [name] = found;
      this.#section.push(this.#held.slice(from, found.index));
      this.#section.end();
      this.#take([this.#added.get(name)!]);
      from = found.index + name.length;
    }
    const end = Math.max(from, wholeCharacters(this.#held, limit));
    this.#section.push(this.#held.slice(from, end));
    this.#held = this.#held.slice(end);
  }

  #next(from: number): RegExpExecArray | null {
    if (!this.#pattern) return null;
    this.#pattern.lastIndex = from;
    return this.#pattern.exec(this.#held);
  }
}

/** The end of the last whole character in the first `end` code units. */
function wholeCharacters(text: string, end: number): number {
  const isHigh = end > 0 && end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800;
  return isHigh ? end - 1 : end;
}

function escaped(name: string): string {
  return name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
