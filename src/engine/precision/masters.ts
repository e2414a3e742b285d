/** How a run keeps the weights that the optimizer updates, where that is not what its precision mode says. */
import { EngineError } from '../core/errors.ts';
import type { Role, Storage } from './storage.ts';

type Storages = Readonly<Record<Role, Storage>>;

interface MasterRow {
  readonly title: string;
  readonly summary: string;
  /** The storage in place of the mode's own; null where the mode cannot keep its weights so. */
  readonly storageOf: (master: Storage) => Storage | null;
  /** What is true of modes that cannot. */
  readonly others: string;
}

function isNarrow({ format, rounding = 'nearest' }: Storage): boolean {
  return format !== 'f32' && rounding === 'nearest';
}

const ROWS = {
  f32: {
    title: "the mode's own",
    summary: 'FP32 in most modes',
    storageOf: (master) => master,
    others: '',
  },
  kahan: {
    title: 'Kahan compensation',
    summary:
      'weights in 16 bits beside a second tensor with what rounding added to them, which the next update takes away (Kahan summation); 4 bytes per parameter',
    storageOf: (master) => (isNarrow(master) ? { ...master, rounding: 'compensated' } : null),
    others: 'does not round its weights to 16 bits to nearest',
  },
  fx64: {
    title: '64-bit fixed point',
    summary:
      'integers of 64 bits beside the f32 weights that the model reads, in which no update is lost and sums do not depend on their order; 12.06 bytes per parameter',
    storageOf: (master) =>
      master.format === 'f32' && (master.rounding ?? 'nearest') === 'nearest'
        ? { ...master, rounding: 'fixed' }
        : null,
    others: 'keeps no f32 weights',
  },
} as const satisfies Readonly<Record<string, MasterRow>>;

export type Master = keyof typeof ROWS;
export const MASTER_TABLE: Readonly<Record<Master, MasterRow>> = ROWS;
export const MASTERS = Object.keys(ROWS) as readonly Master[];

/** Whether a mode can keep its weights so. */
export function goesWithMaster({ storages }: { readonly storages: Storages }, master: Master): boolean {
  return MASTER_TABLE[master].storageOf(storages.master) !== null;
}

/** The storages of a mode whose weights are kept so; unchanged where the mode cannot, which {@link checkMaster} refuses. */
export function withMaster(storages: Storages, master: Master): Storages {
  const stored = MASTER_TABLE[master].storageOf(storages.master);
  return stored === null || stored === storages.master ? storages : { ...storages, master: stored };
}

/**
 * @param modes the modes with which it can be combined, for the message
 * @throws EngineError BAD_VALUE if the mode cannot keep its weights so
 */
export function checkMaster(
  recipe: { readonly id: string; readonly storages: Storages },
  master: Master,
  modes: readonly string[],
): void {
  if (goesWithMaster(recipe, master)) return;
  throw new EngineError(
    'BAD_VALUE',
    `Mode ${recipe.id} ${MASTER_TABLE[master].others}, but master ${master} was given.`,
    `Use ${modes.join(' or ')}, or leave master out.`,
  );
}
