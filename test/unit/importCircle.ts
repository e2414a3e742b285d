/** Files by name, each with those it imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** The shortest circle of imports, its first file again at its end; null where there is none. */
export function shortestCircle(graph: ImportGraph): readonly string[] | null {
  let shortest: readonly string[] | null = null;
  for (const file of graph.keys()) {
    const circle = circleThrough(file, graph);
    if (circle && (!shortest || circle.length < shortest.length)) shortest = circle;
  }
  return shortest;
}

/** Breadth first, so that the circle is the shortest of those through `start`. */
function circleThrough(start: string, graph: ImportGraph): readonly string[] | null {
  const importers = new Map<string, string>();
  const queue = [start];
  for (const file of queue) {
    for (const imported of graph.get(file) ?? []) {
      if (imported === start) return [...pathTo(file, importers), start];
      if (importers.has(imported)) continue;
      importers.set(imported, file);
      queue.push(imported);
    }
  }
  return null;
}

/** From the file where the search began. */
function pathTo(end: string, importers: ReadonlyMap<string, string>): string[] {
  const path = [end];
  for (let file = importers.get(end); file !== undefined; file = importers.get(file)) path.unshift(file);
  return path;
}
