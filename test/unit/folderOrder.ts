import type { ImportGraph } from './importCircle.ts';

/**
 * What is wrong with a tree whose folders are to be in order: files that lie in none of them, and imports of a folder by
 * one that stands before it.
 * @param root the folder that holds `folders`, lowest first
 * @param door the one file beside the folders; it may import everything and is imported by none of them
 */
export function orderViolations(
  graph: ImportGraph,
  root: string,
  folders: readonly string[],
  door: string,
): string[] {
  const placeOf = (file: string): number => {
    if (file === `${root}/${door}`) return folders.length;
    return folders.findIndex((folder) => file.startsWith(`${root}/${folder}/`));
  };
  const files = [...graph].filter(([file]) => file.startsWith(`${root}/`));
  const outside = files
    .filter(([file]) => placeOf(file) < 0)
    .map(([file]) => `${file} lies in none of the folders`);
  const backwards = files.flatMap(([file, imported]) =>
    imported
      .filter((target) => target.startsWith(`${root}/`) && placeOf(target) > placeOf(file))
      .map((target) => `${file} imports ${target}`),
  );
  return [...outside, ...backwards];
}
