import type { NumericsKind, NumericsRow } from '../../src/engine/model/numericsRows.ts';
import type { FormatId } from '../../src/engine/precision/formats.ts';

/** Makes a row of the numerics panel; its name determines the block. */
export function row(
  kind: NumericsKind,
  name: string,
  format: FormatId,
  afterNarrowing: boolean,
): NumericsRow {
  const block = /(?:^| )h\.(\d+)\./.exec(name)?.[1];
  return { name, kind, layer: block === undefined ? null : Number(block), format, afterNarrowing };
}
