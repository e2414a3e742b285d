/** Maps each file to the files that it imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Finds the shortest import cycle, with its first file repeated at the end; null when there is none. */
export function shortestCircle(graph: ImportGraph): readonly string[] | null {
  let shortest: readonly string[] | null = null;
  for (const file of graph.keys()) {
    const circle = circleThrough(file, graph);
    if (circle && (!shortest || circle.length < shortest.length)) shortest = circle;
  }
  return shortest;
}

/** Searches breadth first, which finds the shortest cycle through `start`. */
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

/** The path from the file where the search started. */
function pathTo(end: string, importers: ReadonlyMap<string, string>): string[] {
  const path = [end];
  for (let file = importers.get(end); file !== undefined; file = importers.get(file)) path.unshift(file);
  return path;
}
