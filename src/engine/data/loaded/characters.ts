/** The rules of tokenizers over characters, as SentencePiece's files have them: spaces are written as `▁`. */
import type { JsonObject } from '../../core/strictJson.ts';
import { literalOf, only, TokenizerProblem, typeOf } from './components.ts';

/** The character that stands for a space. */
export const SPACE_MARK = '\u2581';

/**
 * Where a `▁` is added that the text does not have: before every section between special tokens, before every one that
 * does not begin with a space, only before the first one, or nowhere.
 */
type Prefix = 'every' | 'unspaced' | 'first' | 'none';

export interface CharacterRule {
  readonly kind: 'characters';
  readonly prefix: Prefix;
  /** Whether every mark begins a word of its own; else a section is one word. */
  readonly splits: boolean;
  /** Whether decoding drops a space at the start, which a mark at the start of the text gave. */
  readonly stripsSpace: boolean;
}

type Splitting = Omit<CharacterRule, 'stripsSpace'>;

/** The name of the token of a byte, for characters that are no token. */
export function byteTokenName(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

/** @throws TokenizerProblem naming a component that does something else */
export function charactersRule(normalizers: readonly JsonObject[], cuts: readonly JsonObject[]): Splitting {
  const replaces = normalizers.filter(isSpaceMark);
  const prepends = normalizers.filter((each) => typeOf(each) === 'Prepend');
  const other = normalizers.find((each) => !replaces.includes(each) && !prepends.includes(each));
  if (other) throw new TokenizerProblem(`has the normalizer ${typeOf(other)}, which is not supported`);
  for (const each of prepends) only(each, 'prepend', [SPACE_MARK]);
  const [cut, second] = cuts;
  if (second || (cut && typeOf(cut) !== 'Metaspace')) {
    throw new TokenizerProblem(`has the pre_tokenizer ${typeOf(second ?? cut!)}, which is not supported`);
  }
  if (replaces.length + cuts.length !== 1 || prepends.length > replaces.length) {
    throw new TokenizerProblem(
      `does not write spaces as ${SPACE_MARK} in the way of SentencePiece's files, which is not supported`,
    );
  }
  if (cut) return metaspace(cut);
  return { kind: 'characters', prefix: prepends.length > 0 ? 'every' : 'none', splits: false };
}

const SCHEMES = { always: 'unspaced', first: 'first', never: 'none' } as const;

function metaspace(cut: JsonObject): Splitting {
  only(cut, 'replacement', [SPACE_MARK]);
  only(cut, 'prepend_scheme', [undefined, ...Object.keys(SCHEMES)]);
  only(cut, 'split', [undefined, true, false]);
  // Files of older versions have add_prefix_space instead of the scheme.
  const scheme = cut.get('prepend_scheme') ?? (cut.get('add_prefix_space') === false ? 'never' : 'always');
  return {
    kind: 'characters',
    prefix: SCHEMES[scheme as keyof typeof SCHEMES],
    splits: cut.get('split') !== false,
  };
}

function isSpaceMark(component: JsonObject): boolean {
  return (
    typeOf(component) === 'Replace' &&
    literalOf(component.get('pattern')) === ' ' &&
    component.get('content') === SPACE_MARK
  );
}

const DECODING = ['Replace', 'ByteFallback', 'Fuse'];

/** @throws TokenizerProblem unless the decoder writes marks as spaces and byte tokens as bytes */
export function decodingOf(decoders: readonly JsonObject[]): Pick<CharacterRule, 'stripsSpace'> {
  const types = decoders.map(typeOf);
  const strips = types.at(-1) === 'Strip';
  const [replace] = decoders;
  const isKnown =
    (strips ? types.slice(0, -1) : types).join() === DECODING.join() &&
    literalOf(replace!.get('pattern')) === SPACE_MARK &&
    replace!.get('content') === ' ';
  if (!isKnown) {
    throw new TokenizerProblem(
      `has the decoder ${types.join(', ') || 'null'}; ${DECODING.join(', ')} and Strip are supported`,
    );
  }
  if (strips) {
    only(decoders.at(-1)!, 'content', [' ']);
    only(decoders.at(-1)!, 'start', [1]);
    only(decoders.at(-1)!, 'stop', [0]);
  }
  return { stripsSpace: strips };
}
