/**
 * Computes a pairwise cover under constraints: rows in which any two values of different factors occur together, if a row
 * may contain both. It is greedy: each row starts with an uncovered pair and takes for each factor the value that covers
 * most new pairs. It is our own because covertable 2.5.2 leaves the cover incomplete when constraints exclude many pairs.
 */

/**
 * @param {Record<string, readonly unknown[]>} factors values of each; the first is taken when none covers a new pair
 * @param {(row: Record<string, unknown>) => boolean} isAllowed whether the values of a row, which may be incomplete, go
 *   together. It must be possible to complete every allowed row with first values.
 * @returns {Record<string, unknown>[]}
 */
export function pairwiseCover(factors, isAllowed) {
  const names = Object.keys(factors);
  const uncovered = new Map();
  for (const [i, first] of names.entries())
    for (const second of names.slice(i + 1))
      for (const a of factors[first])
        for (const b of factors[second]) {
          const row = { [first]: a, [second]: b };
          if (isAllowed(row)) uncovered.set(keyOf(first, a, second, b), row);
        }
  const rows = [];
  while (uncovered.size > 0) {
    const row = completed(uncovered.values().next().value);
    for (const [first, second] of pairsOf(names))
      uncovered.delete(keyOf(first, row[first], second, row[second]));
    rows.push(row);
  }
  return rows;

  function completed(start) {
    const row = { ...start };
    for (const name of names.filter((each) => !(each in row))) {
      const gain = (value) =>
        Object.entries(row).filter(([other, chosen]) =>
          uncovered.has(keyOf(...inOrder(other, chosen, name, value))),
        ).length;
      const allowed = factors[name].filter((value) => isAllowed({ ...row, [name]: value }));
      row[name] = allowed.reduce((best, value) => (gain(value) > gain(best) ? value : best));
    }
    return Object.fromEntries(names.map((name) => [name, row[name]]));
  }

  function inOrder(first, a, second, b) {
    return names.indexOf(first) < names.indexOf(second) ? [first, a, second, b] : [second, b, first, a];
  }
}

function pairsOf(names) {
  return names.flatMap((first, i) => names.slice(i + 1).map((second) => [first, second]));
}

function keyOf(...parts) {
  return JSON.stringify(parts);
}
