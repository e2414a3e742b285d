/** Skips index and member accesses after a name. */
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
 * Returns the module variables of `names` that WGSL stores to, in the order of `names`. A store is an assignment to the
 * variable or a part of it, or passing its address to a function, except for loads and arrayLength.
 */
export function storesIn(code: string, names: readonly string[]): string[] {
  return names.filter((name) =>
    [...code.matchAll(new RegExp(`(?<![\\w.])${name}\\b`, 'g'))].some(({ index }) => {
      const before = code.slice(Math.max(0, index - 100), index);
      // After an operand `&` would be an operator; elsewhere it takes an address.
      if (/[(,=]\s*&\s*$/.test(before)) return !/\b(atomicLoad|arrayLength)\(\s*&\s*$/.test(before);
      const rest = code.slice(endOfReference(code, index + name.length));
      return /^\s*(\+\+|--|(<<|>>|[-+*/%&|^])?=(?!=))/.test(rest);
    }),
  );
}
