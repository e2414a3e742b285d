/** Steps over index and member accesses behind a name. */
function endOfReference(code: string, from: number): number {
  let at = from;
  for (;;) {
    const member = /^\s*\.\s*\w+/.exec(code.slice(at, at + 200));
    if (member) at += member[0].length;
    else if (/^\s*\[/.test(code.slice(at, at + 20))) {
      let depth = 0;
      do {
        if (code[at] === '[') depth += 1;
        if (code[at] === ']') depth -= 1;
        at += 1;
      } while (depth > 0 || code[at - 1] !== ']');
    } else return at;
  }
}

/**
 * Which of the module variables `names` WGSL stores to, in the order of `names`: assigns a value to, or to a part of, or
 * has a function take the address of, unless it only loads from there or asks how long it is.
 */
export function storesIn(code: string, names: readonly string[]): string[] {
  return names.filter((name) =>
    [...code.matchAll(new RegExp(`(?<![\\w.])${name}\\b`, 'g'))].some(({ index }) => {
      const before = code.slice(Math.max(0, index - 100), index);
      // Where an operator would stand behind its left side, `&` takes an address.
      if (/[(,=]\s*&\s*$/.test(before)) return !/\b(atomicLoad|arrayLength)\(\s*&\s*$/.test(before);
      const rest = code.slice(endOfReference(code, index + name.length));
      return /^\s*(\+\+|--|(<<|>>|[-+*/%&|^])?=(?!=))/.test(rest);
    }),
  );
}
