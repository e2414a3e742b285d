/**
 * SentencePiece joins any two neighbours whose text is a piece, the piece with the highest score first; a `tokenizer.json`
 * lists the pairs. One is turned into the other.
 */
import { byteTokenName } from '../data/loaded/characters.ts';
import type { LoadedModel } from '../data/loaded/tokenizerFile.ts';

/**
 * The score of each id: 0 for single characters and special tokens, and lower the later a piece's pairs are joined.
 * @returns a sentence's end about "the tokenizer" when scores cannot express its pairs
 */
export function mergeScores({ pieces, merges, added }: LoadedModel): number[] | string {
  const scores: number[] = pieces.map(() => 0);
  const ranked: number[] = [];
  const listed = new Set<string>();
  for (let i = 0; i < merges.length; i += 3) {
    const [first, second, joined] = [merges[i]!, merges[i + 1]!, merges[i + 2]!];
    listed.add(`${first} ${second}`);
    if (ranked.at(-1) === joined) continue;
    if (scores[joined] !== 0)
      return `joins pairs to ${JSON.stringify(pieces[joined])} at two places of its list`;
    ranked.push(joined);
    scores[joined] = -ranked.length;
  }
  const ids = new Map(pieces.map((piece, id) => [piece, id]));
  for (const [id, piece] of pieces.entries()) {
    if (piece === undefined || added.has(piece)) continue;
    for (const [first, second] of splitsOf(piece, ids)) {
      if (!listed.has(`${first} ${second}`)) {
        return `does not join ${JSON.stringify(pieces[first])} and ${JSON.stringify(pieces[second])}, although ${JSON.stringify(pieces[id])} is a token`;
      }
    }
  }
  return scores;
}

/** The pairs of a `tokenizer.json`, in their order. @param scores by id */
export function scoredMerges(
  pieces: readonly string[],
  scores: readonly number[],
  isNormal: (id: number) => boolean,
): [string, string][] {
  const ids = new Map(pieces.flatMap((piece, id) => (isNormal(id) ? [[piece, id]] : [])));
  return [...ids.values()]
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .flatMap((id) =>
      splitsOf(pieces[id]!, ids)
        .sort((a, b) => a[0] - b[0] || a[1] - b[1])
        .map(([first, second]): [string, string] => [pieces[first]!, pieces[second]!]),
    );
}

const BYTE_NAMES = new Set(Array.from({ length: 256 }, (_, byte) => byteTokenName(byte)));

/** Every way to cut a piece into two others. */
function splitsOf(
  piece: string,
  ids: ReadonlyMap<string | undefined, number>,
): [first: number, second: number][] {
  if (BYTE_NAMES.has(piece)) return [];
  const found: [number, number][] = [];
  for (let at = 1; at < piece.length; at++) {
    const first = ids.get(piece.slice(0, at));
    const second = ids.get(piece.slice(at));
    if (first !== undefined && second !== undefined) found.push([first, second]);
  }
  return found;
}
