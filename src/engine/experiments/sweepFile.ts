/** Reads and writes sweep files. A file that is cut off or was edited is refused. */
import * as v from 'valibot';
import { currentFields } from '../config/settings/table.ts';
import { EngineError } from '../core/errors.ts';
import { checksum } from '../data/checksum.ts';
import { currentCell, currentGrid, type Sweep, type SweepCell, type SweepSettings } from './sweep.ts';
import type { VariantId } from './variants.ts';

export const SWEEP_FORMAT = 'halfstep-sweep';
const SWEEP_VERSION = 1;

const finite = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** The name of a mode or variant. Whether this version has it is checked when it is trained. */
const mode = v.pipe(
  v.string(),
  v.regex(/^[\w+=.-]{1,200}$/),
  v.transform((id) => id as VariantId),
);

export const sweepSettingsSchema = v.record(v.string(), v.union([v.string(), finite, v.boolean(), v.null()]));

export const sweepGridSchema = v.object({
  modes: v.array(mode),
  learningRates: v.array(finite),
  seeds: v.array(count),
});

export const sweepCellSchema = v.object({
  mode,
  learningRate: finite,
  seed: count,
  loss: v.nullable(finite),
  stopped: v.nullable(v.string()),
  steps: count,
  skippedSteps: count,
  tokensPerSec: v.nullable(finite),
  seconds: finite,
});

const sweepFile = v.object({
  format: v.literal(SWEEP_FORMAT),
  version: v.literal(SWEEP_VERSION),
  settingsHash: v.string(),
  settings: sweepSettingsSchema,
  grid: sweepGridSchema,
  cells: v.array(sweepCellSchema),
  checksum: v.string(),
});

/** Checksum of the settings, independent of their order. */
function settingsHash(settings: SweepSettings): string {
  const names = Object.keys(settings).sort();
  return hashOf(names.map((name) => [name, settings[name]]));
}

function hashOf(value: unknown): string {
  const text = JSON.stringify(value);
  return checksum(Array.from(text, (_, i) => text.charCodeAt(i)));
}

function contentHash(settings: SweepSettings, { grid, cells }: Omit<Sweep, 'settings'>): string {
  const { modes, learningRates, seeds } = grid;
  return hashOf([settingsHash(settings), modes, learningRates, seeds, cells.map(fieldsOf)]);
}

function fieldsOf(cell: SweepCell): unknown[] {
  return Object.keys(sweepCellSchema.entries).map((name) => cell[name as keyof SweepCell]);
}

export function writeSweep({ settings, grid, cells }: Sweep): string {
  const content = {
    format: SWEEP_FORMAT,
    version: SWEEP_VERSION,
    settingsHash: settingsHash(settings),
    settings,
    grid,
    cells,
    checksum: contentHash(settings, { grid, cells }),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/**
 * @param name of the file, for messages
 * @throws EngineError BAD_VALUE when it is cut off, edited, of another version, or not a sweep
 */
export function readSweep(text: string, name: string): Sweep {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw damaged(name, `its ${text.length} characters are not valid JSON (${reason.slice(0, 120)})`);
  }
  const isSweep = v.is(v.looseObject({ format: v.literal(SWEEP_FORMAT) }), content);
  if (!isSweep) {
    throw new EngineError(
      'BAD_VALUE',
      `"${name}" is not a sweep: it has no "format": "${SWEEP_FORMAT}".`,
      KEPT,
    );
  }
  const { version } = content as { readonly version?: unknown };
  if (version !== SWEEP_VERSION) {
    throw new EngineError(
      'BAD_VALUE',
      `"${name}" is a sweep of format version ${JSON.stringify(version)?.slice(0, 40) ?? 'none'}; this program reads version ${SWEEP_VERSION}.`,
      `Resume it with the version of Halfstep that wrote it. ${KEPT}`,
    );
  }
  const parsed = v.safeParse(sweepFile, content, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw damaged(name, `${v.getDotPath(issue) ?? 'content'}: ${issue.message.slice(0, 160)}`);
  }
  const { settings, grid, cells } = parsed.output;
  if (parsed.output.settingsHash !== settingsHash(settings)) throw damaged(name, 'its settings were edited');
  if (parsed.output.checksum !== contentHash(settings, { grid, cells })) {
    throw damaged(name, 'its grid or cells were edited');
  }
  return { settings: currentFields(settings), grid: currentGrid(grid), cells: cells.map(currentCell) };
}

const KEPT = 'The file was not changed. Name another file, or move this one away.';

function damaged(name: string, why: string): EngineError {
  return new EngineError('BAD_VALUE', `The sweep in "${name}" is damaged: ${why}.`, KEPT);
}
