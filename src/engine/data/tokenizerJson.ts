/** Reads the tokenizers of saved runs and exported models. */

import { EngineError } from '../core/errors.ts';
import { type JsonObject, JsonProblem, type JsonValue, parseStrictJson } from '../core/strictJson.ts';
import { TokenizerProblem } from './loaded/components.ts';
import { readLoaded } from './loaded/tokenizerFile.ts';
import { MAX_VOCABULARY, type TokenizerJson } from './tokenizer.ts';

const MAX_DEPTH = 3;

/**
 * Parses and checks a serialised tokenizer.
 * @param file name of the file that it is from, for messages
 * @throws EngineError BAD_FILE saying what is wrong
 */
export function readTokenizerJson(text: string, file: string): TokenizerJson {
  const wrong = (what: string, hint = 'The file is damaged. Get it again.') =>
    new EngineError('BAD_FILE', `"${file}" has a tokenizer that ${what}.`, hint);
  let value: JsonValue;
  try {
    value = parseStrictJson(text, MAX_DEPTH);
  } catch (cause) {
    if (!(cause instanceof JsonProblem)) throw cause;
    throw wrong(`is not JSON at character ${cause.offset}: ${cause.message}`);
  }
  if (!(value instanceof Map)) throw wrong('is not an object');
  const json: JsonObject = value;
  switch (json.get('kind')) {
    case 'byte':
      return { kind: 'byte' };
    case 'gpt2': {
      const endOfText = json.get('endOfText');
      if (endOfText !== undefined && endOfText !== true) throw wrong('has an endOfText that is not true');
      return endOfText ? { kind: 'gpt2', endOfText } : { kind: 'gpt2' };
    }
    case 'char': {
      const characters = json.get('characters');
      if (typeof characters !== 'string') throw wrong('has no characters');
      const count = new Set(characters).size;
      if (count === 0 || count > MAX_VOCABULARY || count !== [...characters].length) {
        throw wrong(
          `lists ${[...characters].length} characters, ${count} of them different; it must list from 1 to ${MAX_VOCABULARY}, each once`,
        );
      }
      return { kind: 'char', characters };
    }
    case 'bpe': {
      const pairs = json.get('pairs');
      if (!Array.isArray(pairs) || pairs.length % 2 !== 0 || pairs.length / 2 + 256 > MAX_VOCABULARY) {
        throw wrong(`does not have a list of at most ${MAX_VOCABULARY - 256} pairs`);
      }
      const at = pairs.findIndex(
        (id, i) => !(Number.isInteger(id) && id >= 0 && id < 256 + Math.floor(i / 2)),
      );
      if (at >= 0) throw wrong(`has ${pairs[at]} in pair ${at >> 1}, which is not an earlier token`);
      return { kind: 'bpe', pairs };
    }
    case 'loaded': {
      const content = json.get('file');
      if (typeof content !== 'string') throw wrong('has no file');
      try {
        const { pieces } = readLoaded(content);
        const isToken = (id: JsonValue) => Number.isInteger(id) && pieces[id as number] !== undefined;
        const [end, bos] = [json.get('end'), json.get('bos')];
        if (end !== undefined && !(Array.isArray(end) ? end.length > 0 && end.every(isToken) : isToken(end)))
          throw wrong('has an end that is no token');
        if (bos !== undefined && !isToken(bos)) throw wrong('has a bos that is no token');
        return {
          ...{ kind: 'loaded', file: content },
          ...(end !== undefined && { end: end as number | number[] }),
          ...(bos !== undefined && { bos: bos as number }),
        };
      } catch (cause) {
        if (!(cause instanceof TokenizerProblem)) throw cause;
        throw wrong(cause.message);
      }
    }
    default:
      throw wrong(
        'is of an unknown kind; the kinds are char, byte, bpe, gpt2 and loaded',
        'Use the version of Halfstep that wrote it, if that is a later one. Otherwise the file is damaged. Get it again.',
      );
  }
}
