/** Store hooks whose `setState` a source calls, without those that it creates itself. */
export function foreignSetters(source: string): string[] {
  const own = new Set([...source.matchAll(/const (use\w+) = create\b/g)].map(([, name]) => name!));
  return [...source.matchAll(/\b(use\w+)\.setState\(/g)]
    .map(([, name]) => name!)
    .filter((name) => !own.has(name));
}
