/**
 * The description of a precision mode that programs write and run files contain: a format for each role, how masters are
 * rounded, and which operands are quantised. Only built-in modes can name places in the model.
 */
import type { FormatId } from './formats.ts';
import { mixed, type OperandScale, type QuantizedRole, quantized } from './mixedPrecision.ts';
import type { QuantizedActivations } from './quantization.ts';
import {
  delayedScaling,
  type RecipeOf,
  type RecipeRow,
  type ScalingPolicy,
  type SiteRule,
} from './recipe.ts';
import type { DelayedScaling, MasterRounding, Role, SiteRole, Storage } from './storage.ts';

/** Roles with a format of their own. `normInput` has none, because layer norm reads the residual stream in the stream's format. */
export type DescribedRole = Exclude<Role, 'normInput'>;

/** When the scale of a tensor is computed. */
export type TensorScaling = { readonly kind: 'current' } | ({ readonly kind: 'delayed' } & DelayedScaling);

/** Quantised copies of the operands in the blocks, which matmuls read. They are made from tensors in the formats of the roles. */
export interface Quantization {
  readonly formats: Readonly<Record<QuantizedRole, FormatId>>;
  readonly scaling: TensorScaling;
  /**
   * What shares a scale, and how it is kept; absent for the largest power of two of each tensor. Scales that are constant along
   * the contraction of a product (`contraction`) need two copies of an operand, one for each product that it takes part in.
   */
  readonly scale?: OperandScale;
  readonly activations: QuantizedActivations;
  /** Whether the operands of the LM head are quantised too. */
  readonly head: boolean;
}

export interface ModeDescription<Id extends string> {
  readonly id: Id;
  readonly title: string;
  /** One line that is true on every adapter. */
  readonly summary: string;
  readonly roles: Readonly<Record<DescribedRole, FormatId>>;
  /** How role `master` is rounded; `stochastic` and `split` are for bf16. */
  readonly masterRounding: MasterRounding;
  readonly scaling: ScalingPolicy;
  readonly quantization?: Quantization;
  /** Present if a built-in mode names places in the model. */
  readonly sites?: readonly SiteRule[];
  /** Whether the mode is included to show a failure. The page says so before it starts. */
  readonly unsound: boolean;
}

/** Converts the description of a mode that names no places to a row. */
export function rowOf({
  title,
  summary,
  roles,
  masterRounding,
  scaling,
  quantization,
  unsound,
}: ModeDescription<string>): RecipeRow {
  const { normInput, ...others } = mixed('f32');
  const described = Object.keys(others) as DescribedRole[];
  const storages = Object.fromEntries(described.map((role) => [role, { format: roles[role] }]));
  return {
    title,
    summary,
    storages: {
      ...(storages as Record<DescribedRole, Storage>),
      normInput: { ...normInput, format: roles.residual },
      master: { format: roles.master, ...(masterRounding !== 'nearest' && { rounding: masterRounding }) },
    },
    ...(quantization && {
      sites: quantized(quantization.formats, whenOf(quantization.scaling), quantization.scale),
    }),
    scaling,
    unsound,
  };
}

function whenOf(scaling: TensorScaling): 'current' | DelayedScaling {
  if (scaling.kind === 'current') return 'current';
  const { historyLength, algorithm, margin } = scaling;
  return { historyLength, algorithm, margin };
}

/** Describes a recipe as data that a program can change and pass to `defineMode`, which refuses descriptions with `sites`. */
export function describeRecipe<Id extends string>(recipe: RecipeOf<Id>): ModeDescription<Id> {
  const { id, title, summary, storages, scaling, unsound } = recipe;
  const roles = Object.entries(storages).filter(([role]) => role !== 'normInput');
  const quantization = quantizationOf(recipe);
  return {
    ...{ id, title, summary },
    roles: Object.fromEntries(roles.map(([role, { format }]) => [role, format])) as Record<
      DescribedRole,
      FormatId
    >,
    masterRounding: storages.master.rounding ?? 'nearest',
    scaling,
    ...(quantization ? { quantization } : recipe.sites.length > 0 && { sites: recipe.sites }),
    unsound,
  };
}

/** Reconstructs the arguments of `quantized` from the recipe's rules; undefined if the rules were not made by it. */
function quantizationOf(recipe: RecipeOf<string>): Quantization | undefined {
  const { row, sites } = recipe;
  const stored: Partial<Record<SiteRole, Storage>> = Object.assign(
    {},
    ...(row.sites ?? []).map((rule) => rule.storages),
  );
  const given = Object.fromEntries(Object.entries(stored).map(([role, { format }]) => [role, format]));
  // Where no setting quantises what layer norm reads, the format is of no account.
  const formats = { ...given, normInput: given.normInput ?? given.preActivation } as Quantization['formats'];
  const scale = operandScale(stored.activation);
  const made = quantized(formats, delayedScaling(row) ?? 'current', scale);
  if (JSON.stringify(made) !== JSON.stringify(row.sites)) return undefined;
  const delayed = delayedScaling(recipe);
  return {
    formats,
    scaling: delayed ? { kind: 'delayed', ...delayed } : { kind: 'current' },
    ...(scale && { scale }),
    activations: sites.some(({ given }) => given?.quantizeActivations === '1x16') ? '1x16' : 'tensor',
    head: sites.some((rule) => rule.in === 'head'),
  };
}

/** The scale of a quantised operand; undefined for that which a description leaves out. */
function operandScale(storage: Storage | undefined): OperandScale | undefined {
  const { per, as } = storage?.scales?.at(-1) ?? {};
  if (per === undefined || as === undefined || per === 'row') return undefined;
  if (typeof per === 'object' && !('block' in per)) return undefined;
  return per === 'tensor' && as === 'pow2' ? undefined : { per, as };
}
