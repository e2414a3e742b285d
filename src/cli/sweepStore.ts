/** Stores a sweep in a file. Every finished cell is on the disk before the next one starts. */
import { readFileSync } from 'node:fs';
import {
  EngineError,
  grownGrid,
  joinedCells,
  readSweep,
  type Sweep,
  type SweepCell,
  type SweepGrid,
  type SweepSettings,
  settingsDifferences,
  writeSweep,
} from '../engine/index.ts';
import { writeAtomically } from './atomicFile.ts';
import { fileProblem } from './fileProblem.ts';

/**
 * Loads the sweep in a file; null when there is no such file.
 * @throws EngineError BAD_VALUE when the file is damaged, not a sweep, or cannot be read
 */
export function loadSweep(path: string): Sweep | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new EngineError(
      'BAD_VALUE',
      `Cannot read "${path}": ${fileProblem(cause)}.`,
      'Name another file.',
      { cause },
    );
  }
  return readSweep(text, path);
}

export class SweepFile {
  readonly #path: string;
  #sweep: Sweep;

  private constructor(path: string, sweep: Sweep) {
    this.#path = path;
    this.#sweep = sweep;
  }

  /**
   * Resumes the sweep in the file, or starts a new one. The grid is extended to include both.
   * @throws EngineError BAD_VALUE when the file has other settings, naming what differs; the file is not changed
   */
  static open(path: string, settings: SweepSettings, grid: SweepGrid): SweepFile {
    const file = new SweepFile(path, { settings, grid, cells: [] });
    file.#write([]);
    return file;
  }

  get sweep(): Sweep {
    return this.#sweep;
  }

  add(cell: SweepCell): void {
    this.#write([cell]);
  }

  /** Reads the file again before writing, because another process may have added cells to the same sweep. */
  #write(added: readonly SweepCell[]): void {
    const { settings, grid, cells } = this.#sweep;
    const stored = loadSweep(this.#path);
    if (stored) checkSame(this.#path, stored.settings, settings);
    this.#sweep = {
      settings,
      grid: stored ? grownGrid(stored.grid, grid) : grid,
      cells: joinedCells(joinedCells(stored?.cells ?? [], cells), added),
    };
    writeAtomically(this.#path, writeSweep(this.#sweep));
  }
}

function checkSame(path: string, before: SweepSettings, now: SweepSettings): void {
  const differences = settingsDifferences(before, now);
  if (differences.length === 0) return;
  throw new EngineError(
    'BAD_VALUE',
    `"${path}" belongs to another sweep: ${differences.join('; ')}.`,
    'Name another file, or give the options that it was started with; only modes, learning rates and seeds can be added. The file was not changed.',
  );
}
