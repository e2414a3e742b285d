/** A precision mode as data. The built-in modes are in modes/. */
import type { FormatId } from './formats.ts';
import type { Stage } from './levels.ts';
import { type Master, withMaster } from './masters.ts';
import type { AmaxAlgorithm, QuantizedActivations } from './quantization.ts';
import {
  type DelayedScaling,
  isAt,
  isQuantized,
  narrowed,
  type Place,
  type Role,
  type RunRole,
  type Scale,
  type ScaleRule,
  type SiteRole,
  type Storage,
  type StorageSite,
  tensorScale,
  writtenFormat,
} from './storage.ts';

export type ScalingPolicy =
  | { readonly kind: 'none' }
  | { readonly kind: 'static'; readonly scale: number }
  | {
      readonly kind: 'dynamic';
      readonly initialScale: number;
      readonly growthInterval: number;
      /** Gradients are never divided by the loss scale, and moments are kept in its units (arXiv 2102.13565). */
      readonly compound?: true;
    };

/** Where the loss scale comes from: the mode, or the rule of arXiv 2102.13565 for gradients in f16. */
export const LOSS_SCALINGS = ['mode', 'compound'] as const;
export type LossScaling = (typeof LOSS_SCALINGS)[number];

/** The paper begins with 1e4; a power of two never rounds. Its interval of 10,000 steps exceeds most runs here. */
const COMPOUND: ScalingPolicy = {
  kind: 'dynamic',
  initialScale: 2 ** 13,
  growthInterval: 2000,
  compound: true,
};

/** No loss scaling: for formats with the range of FP32, and for modes that show what happens without it. */
export const UNSCALED: ScalingPolicy = { kind: 'none' };

/** Settings that only modes with quantised operands accept. Null means the mode's own value; in other modes these are always null. */
export interface QuantizeSettings {
  /** Whether the operands of the LM head are quantised too. */
  readonly quantizeHead: boolean;
  /** Whether what attention reads is rounded to the format of the mode's operands too. */
  readonly quantizeAttention: boolean;
  /** How the inputs of the activation function and of the norms are stored for the backward pass. */
  readonly quantizeActivations: QuantizedActivations;
  /** Delayed scales: steps whose largest magnitudes are remembered. */
  readonly amaxHistory: number | null;
  /** Delayed scales: which of the remembered magnitudes sets the scale. */
  readonly amaxAlgorithm: AmaxAlgorithm | null;
  /** Delayed scales: headroom above that magnitude, in powers of two. */
  readonly scaleMargin: number | null;
  /** How powers of two are chosen for blocks. */
  readonly scaleRule: ScaleRule | null;
  /** Whether a Hadamard matrix mixes the tokens of both operands of dW. */
  readonly fp4Rht: Switch | null;
  /** Whether squares of a weight matrix share a scale, so that both products read the same codes. */
  readonly fp4TwoD: Switch | null;
  /** Whether output gradients are rounded stochastically. */
  readonly fp4Sr: Switch | null;
  /** Number of last blocks that are kept in bf16. */
  readonly keepBf16: number | null;
}

/** A part of a mode that a run can switch off. */
export const SWITCHES = ['on', 'off'] as const;
export type Switch = (typeof SWITCHES)[number];

/** Settings of a run that change what a mode stores. */
export interface RecipeSettings extends QuantizeSettings {
  readonly master: Master;
  readonly lossScaling: LossScaling;
  /** Width of the model. */
  readonly width: number;
}

/** Overrides the storages of some roles at a place. */
export interface SiteRule {
  readonly in: Place;
  /** The rule applies only in runs with these settings. */
  readonly given?: Partial<QuantizeSettings>;
  readonly storages: Readonly<Partial<Record<SiteRole, Storage>>>;
}

/** What attention reads, rounded as these storages say; see model/attentionOperands.ts. */
export type AttentionOperands = Readonly<Record<'queryKeyValue' | 'outputGradient', Storage>>;

/** The data of a precision mode, without its name. */
export interface RecipeRow {
  readonly title: string;
  /** One line that is true on every adapter. */
  readonly summary: string;
  /** Storages wherever no rule in `sites` applies. None of them has scales. */
  readonly storages: Readonly<Record<Role, Storage>>;
  /** If several rules match, the last one wins. */
  readonly sites?: readonly SiteRule[];
  /** Storages of so many last blocks, which override `sites`; a setting of a run changes their number. */
  readonly lastBlocks?: { readonly count: number; readonly storages: SiteRule['storages'] };
  /** Storages of the blocks in the last steps of a run that heals, in place of `sites` and `lastBlocks`. */
  readonly healing?: SiteRule['storages'];
  /** What attention in the blocks reads in runs that quantise it. */
  readonly attention?: AttentionOperands | undefined;
  readonly scaling: ScalingPolicy;
  /** The levels of operands that have some, in the order in which a run goes through them; none if absent. */
  readonly stages?: readonly Stage[];
  /** Whether each block goes through the stages by itself; false if absent. */
  readonly stagesOfBlocks?: boolean;
  /** Whether the mode is included to show a failure. The page says so before it starts. */
  readonly unsound: boolean;
  /** Whether public/train_ddp.py resumes its runs; false if absent. */
  readonly inPyTorch?: boolean;
  /** Counts the versions of the mode that compute different numbers. Run files record it; 1 if absent. */
  readonly revision?: number;
}

/** The recipe of a run: the row of its mode, modified by the settings of the run. */
export class RecipeOf<Id extends string> implements RecipeRow {
  readonly id: Id;
  readonly title: string;
  readonly summary: string;
  readonly storages: RecipeRow['storages'];
  readonly sites: readonly SiteRule[];
  readonly scaling: ScalingPolicy;
  readonly stages: readonly Stage[];
  readonly stagesOfBlocks: boolean;
  /** Undefined where attention reads what its kernels and those before it have stored. */
  readonly attention: AttentionOperands | undefined;
  readonly unsound: boolean;
  readonly inPyTorch: boolean;
  readonly revision: number;
  readonly #row: RecipeRow;

  constructor(id: Id, row: RecipeRow, settings: Partial<RecipeSettings> = {}) {
    this.#row = row;
    this.id = id;
    this.title = row.title;
    this.summary = row.summary;
    this.storages = settings.master ? withMaster(row.storages, settings.master) : row.storages;
    this.sites = [
      ...(row.sites ?? [])
        .filter((rule) => isGiven(rule, settings))
        .map((rule) => ({ ...rule, storages: withScales(rule.storages, settings) })),
      ...lastBlocks(row, settings),
    ];
    this.scaling = settings.lossScaling === 'compound' ? COMPOUND : row.scaling;
    this.stages = row.stages ?? [];
    this.stagesOfBlocks = row.stagesOfBlocks ?? false;
    this.attention =
      row.attention && settings.quantizeAttention ? withScales(row.attention, settings) : undefined;
    this.unsound = row.unsound && !isMended(this);
    this.inPyTorch = row.inPyTorch ?? false;
    this.revision = row.revision ?? 1;
  }

  /** The row of the mode, which includes rules that only apply with other settings. */
  get row(): RecipeRow {
    return this.#row;
  }

  /** The recipe of the same mode with these settings. */
  given(settings: Partial<RecipeSettings>): RecipeOf<Id> {
    return new RecipeOf(this.id, this.#row, settings);
  }

  /** How a tensor of a role is stored. A place is required for roles whose storage may differ between places. */
  storage(role: RunRole): Storage;
  storage(role: Role, site: StorageSite): Storage;
  storage(role: Role, site?: StorageSite): Storage {
    if (!site || this.sites.length === 0) return this.storages[role];
    const rule = this.sites.findLast((each) => role in each.storages && isAt(each.in, site));
    return (rule?.storages as Partial<Record<Role, Storage>>)?.[role] ?? this.storages[role];
  }
}

type AnyRecipe = RecipeOf<string>;

function isGiven({ given = {} }: SiteRule, settings: Partial<QuantizeSettings>): boolean {
  return Object.entries(given).every(([key, value]) => settings[key as keyof QuantizeSettings] === value);
}

/** Whether settings of a run make up for what a mode without masters loses: small updates, and small gradients in f16. */
function isMended({ storages, scaling }: Pick<RecipeRow, 'storages' | 'scaling'>): boolean {
  const losesGradients = storages.gradient.format === 'f16' && scaling.kind === 'none';
  return storages.master.rounding === 'compensated' && !losesGradients;
}

/** The rule of the last blocks; none where the mode or the run keeps no blocks. */
function lastBlocks({ lastBlocks: kept }: RecipeRow, { keepBf16 }: Partial<RecipeSettings>): SiteRule[] {
  const count = kept ? (keepBf16 ?? kept.count) : 0;
  return count > 0 ? [{ in: { lastBlocks: count }, storages: kept!.storages }] : [];
}

/** The storages with the run's settings for scales applied. */
function withScales<Storages extends Readonly<Partial<Record<string, Storage>>>>(
  storages: Storages,
  settings: Partial<RecipeSettings>,
): Storages {
  const own = ({ historyLength, algorithm, margin }: DelayedScaling): DelayedScaling => ({
    historyLength: settings.amaxHistory ?? historyLength,
    algorithm: settings.amaxAlgorithm ?? algorithm,
    margin: settings.scaleMargin ?? margin,
  });
  const { scaleRule, width } = settings;
  const scaleOf = (scale: Scale): Scale => {
    const sized = width === undefined ? scale : narrowed(scale, width);
    const ruled = sized.rule && scaleRule ? { ...sized, rule: scaleRule } : sized;
    return ruled.when === 'current' ? ruled : { ...ruled, when: own(ruled.when) };
  };
  const scaled = Object.entries<Storage | undefined>(storages).map(([role, storage]) => [
    role,
    storage?.scales ? { ...storage, scales: storage.scales.map(scaleOf) } : storage,
  ]);
  return Object.fromEntries(scaled) as Storages;
}

/** All storages of one role, or of all roles. Storages of named places come first. */
export function storagesOf(
  { sites, storages }: Pick<RecipeRow, 'sites' | 'storages'>,
  role?: Role,
): Storage[] {
  return [...(sites ?? []).map((rule) => rule.storages), storages].flatMap(
    (table: Partial<Record<Role, Storage>>) => (role ? (table[role] ?? []) : Object.values(table)),
  );
}

/** Every format in which a run of the recipe stores numbers. Formats of named places come first. */
export function formatsOf(recipe: RecipeRow): FormatId[] {
  return [...new Set(storagesOf(recipe).map(({ format }) => format))];
}

/** Whether a run stores numbers in f16 (flushed or not), whose storage differs between adapters. */
export function storesHalves(recipe: RecipeRow): boolean {
  return formatsOf(recipe).some((format) => format.startsWith('f16'));
}

/** Whether gradients and moments of a run are in units of the loss scale. */
export function isCompound({ scaling }: Pick<RecipeRow, 'scaling'>): boolean {
  return scaling.kind === 'dynamic' && scaling.compound === true;
}

/** Whether a mode can have compound scaling: it keeps parameter gradients in f16, where dividing them by the scale loses them. */
export function takesCompound({ storages }: Pick<RecipeRow, 'storages'>): boolean {
  return storages.gradient.format === 'f16';
}

/** The format in which output gradients are stored before quantisation. Underflow is counted in this format. */
export function gradientFormat({ storages }: RecipeRow): FormatId {
  return writtenFormat(storages.outputGradient);
}

/** Whether a rule of the recipe depends on the setting. */
export function hasRuleFor({ sites }: RecipeRow, setting: keyof NonNullable<SiteRule['given']>): boolean {
  return (sites ?? []).some(({ given }) => given?.[setting] !== undefined);
}

/** Whether the recipe rounds output gradients stochastically, by random bits of a window's own. */
export function roundsAtRandom(recipe: RecipeRow): boolean {
  return storagesOf(recipe, 'outputGradient').some(({ rounding }) => rounding === 'stochastic');
}

/** Whether the rule for the scales of blocks is a setting of the mode. */
export function hasScaleRule(recipe: RecipeRow): boolean {
  return storagesOf(recipe, 'activation').some(({ scales }) => scales?.some(({ rule }) => rule));
}

/** How the recipe computes delayed scales; null if it has none. */
export function delayedScaling(recipe: RecipeRow): DelayedScaling | null {
  for (const storage of storagesOf(recipe)) {
    const when = tensorScale(storage)?.when ?? 'current';
    if (when !== 'current') return when;
  }
  return null;
}

/**
 * The format of the rounded copy of all master weights that the optimizer writes for matmuls. Null if matmuls read the master
 * weights themselves, or if copies are made one by one, because they are quantised or have different formats.
 */
export function copyFormat(recipe: RecipeRow): FormatId | null {
  const [first, ...others] = weightCopies(recipe);
  if (!first) return null;
  const isSame = (copy: Storage) => copy.format === first.format && !isQuantized(copy);
  return isSame(first) && others.every(isSame) ? first.format : null;
}

/** Whether the copies of weights that matmuls read are made one by one after an update. */
export function makesCopiesApart(recipe: RecipeRow): boolean {
  return copyFormat(recipe) === null && weightCopies(recipe).length > 0;
}

/** Storages of weights that differ from the storage of the master weights. */
function weightCopies(recipe: RecipeRow): Storage[] {
  const { master } = recipe.storages;
  return storagesOf(recipe, 'weight').filter(
    (weight) => isQuantized(weight) || weight.format !== master.format,
  );
}

/** Whether the optimizer updates weights with all bits of an f32, in one piece or as two halves. */
export function keepsMaster(recipe: RecipeRow): boolean {
  const { format, rounding } = recipe.storages.master;
  return format === 'f32' || rounding === 'split';
}

/** Whether the dX and dW matmuls at a place read a rounded copy of the residual gradient, not the gradient itself or a quantised copy. */
export function roundsResidualGradient(recipe: AnyRecipe, site: StorageSite): boolean {
  const operand = recipe.storage('outputGradient', site);
  return !isQuantized(operand) && operand.format !== recipe.storage('residualGradient').format;
}
