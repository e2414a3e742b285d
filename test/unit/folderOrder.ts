import type { ImportGraph } from './importCircle.ts';

/**
 * Finds violations of the order of folders: files outside of them, and imports of a folder by an earlier one.
 * @param root the folder that contains `folders`, lowest first
 * @param door the only file outside the folders; it may import everything, and no folder may import it
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
