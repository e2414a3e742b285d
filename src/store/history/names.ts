/** Words that are easy to say and carry no meaning here: a name is to be remembered, not understood. */
const FIRST =
  'amber ample azure bold brisk bronze calm cedar clear coral cosy crisp dapper dawn deep dusky early easy ember even fair fern fleet flint fresh gentle gilded glad golden grand green hazel honest ivory jade keen kind lapis light lilac lively lucid lunar mellow merry misty noble oaken olive opal patient pearl plain plum prime quiet rapid rosy ruby rustic sable sage'.split(
    ' ',
  );
const SECOND =
  'acorn anchor arbor aspen badger basin beacon birch brook canyon cliff comet condor cove crane creek delta dune eagle egret falcon fjord forest fox glacier grove gull harbor heron hill island jetty kestrel lagoon lake lantern larch lynx maple marsh meadow mesa moor otter owl peak pine plover pond prairie raven reef ridge river robin rook spruce summit swift thicket tundra wren willow'.split(
    ' ',
  );

/** Two words derived from `id` alone, so that a run has the same name wherever it is imported. */
export function runName(id: string): string {
  const bits = fnv1a(id);
  return `${FIRST[bits % FIRST.length]!} ${SECOND[(bits >>> 16) % SECOND.length]!}`;
}

/** 32-bit FNV-1a: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
