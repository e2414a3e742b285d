import type { ImportGraph } from './importCircle.ts';

/** Finds imports from outside `folder` of its files other than `door`. */
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
