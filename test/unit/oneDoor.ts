import type { ImportGraph } from './importCircle.ts';

/** Imports of files in `folder`, from outside of it, that do not go through `door`. */
export function pastTheDoor(graph: ImportGraph, folder: string, door: string): string[] {
  const inside = (file: string) => file.startsWith(`${folder}/`);
  return [...graph]
    .filter(([file]) => !inside(file))
    .flatMap(([file, imported]) =>
      imported
        .filter((target) => inside(target) && target !== door)
        .map((target) => `${file} imports ${target}`),
    );
}
