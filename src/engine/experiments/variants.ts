/**
 * Variants of a precision mode: the mode and the settings in which a run differs from the others of its experiment,
 * `fp16+optim-state=fp8`. The one spelling is the same on the command line, in addresses, tables and files.
 */

import type { Overrides } from '../config/configure.ts';
import { currentOption } from '../config/renamed.ts';
import type { TrainConfig } from '../config/trainConfig.ts';
import { EngineError, suggestion } from '../core/errors.ts';
import { OPTIMIZERS } from '../kernels/optimizers/table.ts';
import { OPTIM_STATES } from '../precision/optimStates.ts';
import { AMAX_ALGORITHMS, QUANTIZED_ACTIVATIONS } from '../precision/quantization.ts';
import {
  delaysScales,
  isPrecisionMode,
  modeSuggestion,
  PRECISION_MODES,
  type PrecisionMode,
  quantizesOperands,
  recipeOf,
} from '../precision/recipes.ts';
import { isSimulatedMode, SIMULATED_EXAMPLE } from '../precision/simulated.ts';

/** A mode by itself, or with settings of its own in the order of {@link VARIANT_SETTINGS}. */
export type VariantId = PrecisionMode | `${PrecisionMode}+${string}`;

type Value = string | number | boolean;

/** A setting that belongs to a mode, and so can differ within a comparison. */
export interface VariantSetting {
  /** As the command line and addresses have it. */
  readonly name: string;
  readonly field: keyof TrainConfig;
  /** Of a run whose mode does not take it. */
  readonly unset: TrainConfig[keyof TrainConfig];
  readonly takes: (mode: PrecisionMode) => boolean;
  /** All values, or of a number those that menus offer. */
  readonly values: readonly string[];
  /** Undefined for what is no value of it. */
  readonly read: (text: string) => Value | undefined;
  readonly write: (value: Value) => string;
}

type Row = Pick<VariantSetting, 'name' | 'field' | 'unset' | 'takes'>;

function choice(row: Row, values: readonly string[]): VariantSetting {
  return { ...row, values, read: (text) => values.find((value) => value === text), write: String };
}

/** On the command line it is given by its name alone, and may be here. */
function flag(row: Row): VariantSetting {
  const values = { on: true, off: false, '': true };
  return {
    ...row,
    values: ['on', 'off'],
    read: (text) => (Object.hasOwn(values, text) ? values[text as keyof typeof values] : undefined),
    write: (value) => (value ? 'on' : 'off'),
  };
}

/** A whole number in digits, or a power of two; its range is for the configuration to say. */
function whole(row: Row, values: readonly number[]): VariantSetting {
  return {
    ...row,
    values: values.map(String),
    read: (text) => {
      if (/^2\^\d{1,3}$/.test(text)) return 2 ** Number(text.slice(2));
      return /^\d{1,39}$/.test(text) ? Number(text) : undefined;
    },
    // Large ones too: "1e+30" has the sign that separates settings.
    write: (value) => BigInt(value).toString(),
  };
}

const inEveryMode = () => true;
const whereScaled = (mode: PrecisionMode) => recipeOf(mode).scaling.kind !== 'none';
const whereDynamic = (mode: PrecisionMode) => recipeOf(mode).scaling.kind === 'dynamic';

/** The one list of what can differ: an entry here is all that a setting needs to be compared with. */
export const VARIANT_SETTINGS: readonly VariantSetting[] = [
  // What modes have by themselves last: menus begin with a difference.
  choice({ name: 'rounding', field: 'rounding', unset: null, takes: isSimulatedMode }, ['rne', 'rz']),
  flag({ name: 'quantize-head', field: 'quantizeHead', unset: false, takes: quantizesOperands }),
  choice(
    { name: 'quantize-activations', field: 'quantizeActivations', unset: 'tensor', takes: quantizesOperands },
    QUANTIZED_ACTIVATIONS,
  ),
  whole(
    { name: 'amax-history', field: 'amaxHistory', unset: null, takes: delaysScales },
    [1, 4, 16, 64, 256],
  ),
  choice({ name: 'amax-algo', field: 'amaxAlgorithm', unset: null, takes: delaysScales }, AMAX_ALGORITHMS),
  whole({ name: 'scale-margin', field: 'scaleMargin', unset: null, takes: delaysScales }, [0, 1, 2]),
  choice({ name: 'optim-state', field: 'optimState', unset: 'f32', takes: inEveryMode }, OPTIM_STATES),
  choice({ name: 'optimizer', field: 'optimizer', unset: 'adamw', takes: inEveryMode }, OPTIMIZERS),
  whole({ name: 'loss-scale', field: 'lossScale', unset: null, takes: whereScaled }, [
    1,
    2 ** 8,
    2 ** 12,
    2 ** 16,
    2 ** 20,
  ]),
  whole(
    { name: 'growth-interval', field: 'growthInterval', unset: null, takes: whereDynamic },
    [20, 200, 2000],
  ),
];

/** A variant taken apart: its mode, and the text of each of its settings by name. */
export interface Variant {
  readonly mode: PrecisionMode;
  readonly settings: ReadonlyMap<VariantSetting, Value>;
}

/**
 * @param text any spelling of it
 * @throws EngineError UNKNOWN_MODE, or BAD_VALUE naming the setting that is unknown, doubled, wrong, or not the mode's
 */
export function parseVariant(text: string): Variant {
  const [mode, ...parts] = text.split('+');
  if (!isPrecisionMode(mode)) {
    throw new EngineError('UNKNOWN_MODE', `There is no mode "${mode}".`, modeSuggestion(mode ?? ''));
  }
  const settings = new Map<VariantSetting, Value>();
  for (const part of parts) {
    const [written = '', ...rest] = part.split('=');
    const name = currentOption(written);
    const setting = VARIANT_SETTINGS.find((one) => one.name === name);
    if (!setting) throw unknownSetting(text, name);
    if (settings.has(setting)) {
      throw new EngineError('BAD_VALUE', `"${text}" gives ${name} twice.`, 'Leave one of them out.');
    }
    if (!setting.takes(mode)) throw notTaken(mode, setting);
    const value = setting.read(rest.join('='));
    if (value === undefined) {
      throw new EngineError(
        'BAD_VALUE',
        `"${text}": ${name} is "${rest.join('=')}".`,
        suggestion(rest.join('='), setting.values),
      );
    }
    settings.set(setting, value);
  }
  return { mode, settings };
}

function unknownSetting(text: string, name: string): EngineError {
  const names = VARIANT_SETTINGS.map((setting) => setting.name);
  return new EngineError('BAD_VALUE', `"${text}" has no setting "${name}".`, suggestion(name, names));
}

function notTaken(mode: PrecisionMode, { name, takes }: VariantSetting): EngineError {
  const modes: string[] = PRECISION_MODES.filter((other) => takes(other));
  return new EngineError(
    'BAD_VALUE',
    `Mode ${mode} takes no ${name}.`,
    `Modes that do: ${modes.length > 0 ? modes.join(', ') : SIMULATED_EXAMPLE}.`,
  );
}

/** The one spelling of a variant. */
export function variantId({ mode, settings }: Variant): VariantId {
  const parts = VARIANT_SETTINGS.flatMap((setting) => {
    const value = settings.get(setting);
    return value === undefined ? [] : [`${setting.name}=${setting.write(value)}`];
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
export function offeredSettings({
  mode,
}: Variant): { setting: VariantSetting; text: string; value: Value }[] {
  return VARIANT_SETTINGS.filter(({ takes }) => takes(mode)).flatMap((setting) =>
    setting.values.flatMap((text) => {
      const value = setting.read(text);
      return value === undefined || value === setting.unset ? [] : [{ setting, text, value }];
    }),
  );
}

/** What a variant gives beside its mode. */
export function variantOverrides({ settings }: Variant): Overrides {
  return Object.fromEntries([...settings].map(([{ field }, value]) => [field, value]));
}
