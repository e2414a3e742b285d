/** The file of a sweep: every finished cell is on the disk before the next one starts. */
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

/**
 * The sweep in a file; null where there is no such file.
 * @throws EngineError BAD_VALUE when it is damaged, no sweep, or cannot be read
 */
export function loadSweep(path: string): Sweep | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError('BAD_VALUE', `Cannot read "${path}": ${reason}.`, 'Name another file.', { cause });
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
   * Continues the sweep of the file, or begins one. The grid grows to hold both.
   * @throws EngineError BAD_VALUE when the file is another sweep's, naming what differs; it is then left as it is
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

  /** What is on the disk is read again: another process may have added cells to the same sweep. */
  #write(added: readonly SweepCell[]): void {
    const { settings, grid, cells } = this.#sweep;
    const there = loadSweep(this.#path);
    if (there) checkSame(this.#path, there.settings, settings);
    this.#sweep = {
      settings,
      grid: there ? grownGrid(there.grid, grid) : grid,
      cells: joinedCells(joinedCells(there?.cells ?? [], cells), added),
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
    'Name another file, or give the options it was begun with: modes, learning rates and seeds may be added. It was left as it is.',
  );
}
