/**
 * Variants of a precision mode: the mode and the settings in which a run differs from the others of its experiment,
 * `fp16+optim-state=fp8`. The one spelling is the same on the command line, in addresses, tables and files.
 */

import type { Overrides } from '../config/configure.ts';
import { checkTaken, isTaken } from '../config/settings/rules.ts';
import { FIELDS, type Field, fieldOfOption, rowOf } from '../config/settings/table.ts';
import {
  checkSetting,
  readSetting,
  shortened,
  unknownSetting,
  writeSetting,
} from '../config/settings/values.ts';
import { EngineError } from '../core/errors.ts';
import { type PrecisionMode, recipeOf } from '../precision/recipes.ts';

/** A mode by itself, or with settings of its own in the order of {@link VARIANT_SETTINGS}. */
export type VariantId = PrecisionMode | `${PrecisionMode}+${string}`;

type Value = string | number | boolean;

/** The settings that can differ within a comparison, in the order in which variants write them. */
export const VARIANT_SETTINGS: readonly Field[] = FIELDS.filter((field) => rowOf(field).compared);

/** A variant taken apart: its mode, and the values of its settings. */
export interface Variant {
  readonly mode: PrecisionMode;
  readonly settings: ReadonlyMap<Field, Value>;
}

/**
 * @param text any spelling of it
 * @throws EngineError UNKNOWN_MODE, or BAD_VALUE naming the setting that is unknown, doubled, wrong, or not the mode's
 */
export function parseVariant(text: string): Variant {
  const [id = '', ...parts] = text.split('+');
  checkSetting('precision', id);
  const mode = id as PrecisionMode;
  const settings = new Map<Field, Value>();
  for (const part of parts) {
    const [name = '', ...rest] = part.split('=');
    const field = fieldOfOption(name);
    if (!field || !rowOf(field).compared) throw unknownSetting(name, VARIANT_OPTIONS);
    if (settings.has(field)) {
      throw new EngineError(
        'BAD_VALUE',
        `"${shortened(text)}" gives ${name} twice.`,
        'Leave one of them out.',
      );
    }
    const value = readSetting(field, rest.join('='));
    checkTaken(field, value, mode);
    settings.set(field, value);
  }
  return { mode, settings };
}

const VARIANT_OPTIONS = VARIANT_SETTINGS.map((field) => rowOf(field).option);

/** The one spelling of a variant. */
export function variantId({ mode, settings }: Variant): VariantId {
  const parts = VARIANT_SETTINGS.flatMap((field) => {
    const value = settings.get(field);
    return value === undefined ? [] : [`${rowOf(field).option}=${writeSetting(field, value)}`];
  });
  return [mode, ...parts].join('+') as VariantId;
}

/**
 * The one spelling of what someone has written.
 * @throws EngineError as {@link parseVariant}
 */
export function readVariant(text: string): VariantId {
  return variantId(parseVariant(text));
}

/** The mode of a variant, which for a mode by itself is the same. */
export function modeOfVariant(id: VariantId): PrecisionMode {
  return id.split('+')[0] as PrecisionMode;
}

/** "Mixed f16 (optim-state fp8)": the title of the mode, and its settings as they are written. */
export function variantTitle(id: VariantId): string {
  const [mode = '', ...settings] = id.split('+');
  const { title } = recipeOf(mode);
  return settings.length > 0 ? `${title} (${settings.join(', ').replaceAll('=', ' ')})` : title;
}

/** What menus can give a variant: each setting that its mode takes, at each value that is not the usual one. */
export function offeredSettings({ mode }: Variant): { field: Field; text: string; value: Value }[] {
  return VARIANT_SETTINGS.filter((field) => isTaken(field, mode)).flatMap((field) =>
    rowOf(field).compared!.flatMap((text) => {
      const value = readSetting(field, text);
      return value === rowOf(field).default ? [] : [{ field, text: writeSetting(field, value), value }];
    }),
  );
}

/** What a variant gives beside its mode. */
export function variantOverrides({ settings }: Variant): Overrides {
  return Object.fromEntries(settings);
}

/** What an earlier version wrote, in the one spelling that it has in this one; of a mode that this one does not have, as it is. */
export function currentVariant(id: VariantId): VariantId {
  try {
    return readVariant(id);
  } catch (cause) {
    if (cause instanceof EngineError) return id;
    throw cause;
  }
}
