/** Precision modes that a program defines as data, beside those of the table. */
import { checkOptions, type OptionType } from '../core/checkOptions.ts';
import { EngineError } from '../core/errors.ts';
import { type DescribedRole, type ModeDescription, type Quantization, rowOf } from './description.ts';
import type { FormatId } from './formats.ts';
import { checkLossScale } from './lossScale.ts';
import type { OperandScale } from './mixedPrecision.ts';
import { AMAX_ALGORITHMS, SCALE_BLOCKS } from './quantization.ts';
import { RecipeOf, type ScalingPolicy } from './recipe.ts';
import { isSimulatedFormat } from './simulated.ts';
import type { MasterRounding, ScaleKind } from './storage.ts';

/** Prefix of the names of such modes. */
export const CUSTOM_PREFIX = 'custom-';
const NAME = /^custom-[a-z0-9][a-z0-9-]{0,40}$/;

/** Formats for tensors that are rounded where they are stored and widened again where they are read. */
const OPERAND: readonly FormatId[] = ['f32', 'tf32', 'f16', 'f16-flush', 'bf16'];
/** Formats for tensors that kernels accumulate or update in place. */
const WIDE: readonly FormatId[] = ['f32', 'f16', 'bf16'];
const SCALED: readonly FormatId[] = ['e4m3fn', 'e5m2'];

const ROLES: Readonly<
  Record<DescribedRole, { readonly formats: readonly FormatId[]; readonly simulated: boolean }>
> = {
  activation: { formats: OPERAND, simulated: true },
  weight: { formats: OPERAND, simulated: true },
  outputGradient: { formats: OPERAND, simulated: true },
  residual: { formats: WIDE, simulated: false },
  residualGradient: { formats: WIDE, simulated: false },
  attention: { formats: OPERAND, simulated: true },
  preActivation: { formats: OPERAND, simulated: true },
  gradient: { formats: WIDE, simulated: false },
  master: { formats: WIDE, simulated: false },
  firstMoment: { formats: WIDE, simulated: false },
  secondMoment: { formats: WIDE, simulated: false },
};

/** The name of a mode that a program has defined. No built-in mode has a name with this prefix. */
export type CustomMode = `custom-${string}`;

/** The recipe of a mode that a program defines. */
export type CustomRecipe = ModeDescription<CustomMode>;

interface Definition {
  readonly given: CustomRecipe;
  readonly recipe: RecipeOf<CustomMode>;
}

const defined = new Map<string, Definition>();

/** The recipe that was defined under a name; undefined if there is none. */
export function customRecipe(id: string): RecipeOf<CustomMode> | undefined {
  return defined.get(id)?.recipe;
}

/** The recipe of a defined mode as JSON for run files, equal for equal recipes; null for other modes. */
export function customRecipeJson(id: string): string | null {
  const definition = defined.get(id);
  return definition ? JSON.stringify(definition.given) : null;
}

/**
 * Adds a precision mode to this program, so that `precision` of a configuration may be its name. Defining the mode again with
 * the same recipe does nothing. A run file contains the recipe, and only a program that has defined the same recipe opens it.
 * @param recipe usually a copy of another recipe with a new `id` (prefix `custom-`) and some roles or the scaling changed
 * @returns the name of the mode
 * @throws EngineError BAD_VALUE if no kernel supports the recipe, or if the name is taken by another recipe
 */
export function defineMode(recipe: CustomRecipe): CustomMode {
  const own = checked(recipe);
  const known = defined.get(own.id);
  if (known && customRecipeJson(own.id) !== JSON.stringify(own)) {
    throw refused(
      `The mode "${own.id}" is defined already, with another recipe.`,
      'Give this one another name.',
    );
  }
  if (!known) defined.set(own.id, { given: own, recipe: new RecipeOf(own.id, rowOf(own)) });
  return recipe.id;
}

const FIELDS = {
  id: 'string',
  title: 'any?',
  summary: 'any?',
  roles: 'object',
  masterRounding: 'string',
  scaling: 'object',
  quantization: 'object?',
  sites: 'object?',
  unsound: 'boolean?',
} as const satisfies Record<keyof CustomRecipe, OptionType>;
const SCALING_FIELDS: Readonly<Record<ScalingPolicy['kind'], Readonly<Record<string, OptionType>>>> = {
  none: { kind: 'string' },
  static: { kind: 'string', scale: 'number' },
  dynamic: { kind: 'string', initialScale: 'number', growthInterval: 'number' },
};

/** Checks a recipe, and copies it with its fields in a fixed order, so that equal recipes are equal as JSON. */
function checked(recipe: CustomRecipe): CustomRecipe {
  checkOptions('The recipe of defineMode', recipe, FIELDS);
  const { id, title, summary, roles, masterRounding, scaling, quantization, sites, unsound } = recipe;
  if (!NAME.test(id)) {
    throw refused(
      `"${String(id).slice(0, 60)}" cannot be the name of a mode.`,
      `It begins with "${CUSTOM_PREFIX}"; small letters, digits and hyphens follow, at most 41.`,
    );
  }
  for (const [field, text] of Object.entries({ title, summary })) {
    if (typeof text !== 'string' || text.length === 0 || text.length > 200) {
      throw refused(`Mode ${id} has no ${field} of 1 to 200 characters.`, 'Tables and messages show it.');
    }
  }
  if (sites !== undefined) {
    throw refused(
      `Mode ${id} names places in the model.`,
      'A mode that a program defines stores each role in one format everywhere: copy the recipe of a mode that has no sites.',
    );
  }
  const known = Object.keys(ROLES) as DescribedRole[];
  const stray = Object.keys(roles).find((role) => !Object.hasOwn(ROLES, role));
  if (stray !== undefined)
    throw refused(`Mode ${id} has a role "${stray}".`, `There are ${known.join(', ')}.`);
  for (const role of known) checkRole(id, role, roles[role]);
  checkMaster(id, roles, masterRounding);
  return {
    id,
    title,
    summary,
    roles: Object.fromEntries(known.map((role) => [role, roles[role]])) as CustomRecipe['roles'],
    masterRounding,
    scaling: checkedScaling(id, scaling),
    ...(quantization && { quantization: checkedQuantization(id, roles, quantization) }),
    unsound: unsound === true,
  };
}

function checkRole(id: string, role: DescribedRole, format: FormatId): void {
  const { formats, simulated } = ROLES[role];
  if (formats.includes(format) || (simulated && typeof format === 'string' && isSimulatedFormat(format)))
    return;
  const others = simulated ? ', or a simulated format, as e5m7-rne' : '';
  throw refused(
    `Mode ${id} has ${role} in "${format}".`,
    `Role ${role} takes ${formats.join(', ')}${others}.`,
  );
}

/** Matmuls read a narrow master itself, because a copy in another format could only lose bits. */
function checkMaster(id: string, { master, weight }: CustomRecipe['roles'], rounding: MasterRounding): void {
  const wanted: readonly MasterRounding[] =
    master === 'bf16' ? ['nearest', 'stochastic', 'split'] : ['nearest'];
  if (!wanted.includes(rounding)) {
    throw refused(
      `Mode ${id} has masterRounding "${rounding}" for a master in ${master}.`,
      `For a master in ${master} it can be ${wanted.join(', ')}; stochastic and split are for bf16.`,
    );
  }
  if (master !== 'f32' && weight !== master) {
    throw refused(
      `Mode ${id} has weights in ${weight} and a master in ${master}.`,
      `Matmuls read a narrow master itself: use weights in ${master}, or a master in f32.`,
    );
  }
}

function checkedScaling(id: string, scaling: ScalingPolicy): ScalingPolicy {
  if (Object.hasOwn(SCALING_FIELDS, scaling.kind))
    checkOptions(`The ${scaling.kind} scaling of mode ${id}`, scaling, SCALING_FIELDS[scaling.kind]);
  switch (scaling.kind) {
    case 'none':
      return { kind: 'none' };
    case 'static':
      return { kind: 'static', scale: checkLossScale(scaling.scale, `scale of mode ${id}`) };
    case 'dynamic':
      return {
        kind: 'dynamic',
        initialScale: checkLossScale(scaling.initialScale, `initialScale of mode ${id}`),
        growthInterval: wholeNumber(id, 'growthInterval', scaling.growthInterval, 1, 1e9),
      };
    default:
      throw refused(
        `Mode ${id} has scaling of kind "${(scaling as { kind: string }).kind}".`,
        'There are none, static and dynamic.',
      );
  }
}

function checkedQuantization(
  id: string,
  roles: CustomRecipe['roles'],
  quantization: Quantization,
): Quantization {
  checkOptions(`The quantization of mode ${id}`, quantization, {
    formats: 'object',
    scaling: 'object',
    scale: 'object?',
    activations: 'any',
    head: 'any',
  } satisfies Record<keyof Quantization, OptionType>);
  const { formats, scaling, scale, activations, head } = quantization;
  const { activation, weight, outputGradient, preActivation, normInput } = formats;
  const own = { activation, weight, outputGradient, preActivation, normInput };
  for (const [role, format] of Object.entries(own)) {
    if (SCALED.includes(format)) continue;
    throw refused(
      `Mode ${id} quantises ${role} to "${format}".`,
      `A quantised copy can be in ${SCALED.join(' or ')}.`,
    );
  }
  const wider = (['activation', 'weight', 'outputGradient', 'preActivation', 'attention'] as const).find(
    (role) => roles[role] !== 'bf16',
  );
  if (
    wider !== undefined ||
    roles.residual !== 'f32' ||
    roles.residualGradient !== 'f32' ||
    roles.master !== 'f32'
  ) {
    throw refused(
      `Mode ${id} quantises, and its roles are not those of mode fp8.`,
      "Copy the roles of recipeOf('fp8'): operands in bf16; residuals and master in f32.",
    );
  }
  if (activations !== 'tensor' || head) {
    throw refused(
      `Mode ${id} has quantization.activations "${activations}" and quantization.head ${head}.`,
      "A mode must have 'tensor' and false; the settings quantizeActivations and quantizeHead of a run change them.",
    );
  }
  return {
    formats: own,
    scaling: checkedScales(id, scaling),
    ...(scale && { scale: checkedScale(id, scale, scaling) }),
    activations,
    head,
  };
}

function checkedScales(id: string, scaling: Quantization['scaling']): Quantization['scaling'] {
  if (scaling.kind === 'current') return { kind: 'current' };
  if (scaling.kind !== 'delayed' || !AMAX_ALGORITHMS.includes(scaling.algorithm)) {
    throw refused(
      `Mode ${id} has scales "${JSON.stringify(scaling)}".`,
      `Scales are current, or delayed with the algorithm ${AMAX_ALGORITHMS.join(' or ')}.`,
    );
  }
  return {
    kind: 'delayed',
    historyLength: wholeNumber(id, 'historyLength', scaling.historyLength, 1, 1024),
    algorithm: scaling.algorithm,
    margin: wholeNumber(id, 'margin', scaling.margin, 0, 16),
  };
}

/** By what shares a scale. A tensor's is in the table of scales; E4M3, with its small range, is for blocks beside one of those. */
const KINDS: Readonly<Record<'tensor' | 'contraction' | 'block', readonly ScaleKind[]>> = {
  tensor: ['pow2', 'f32'],
  contraction: ['pow2', 'e8m0', 'f32'],
  block: ['pow2', 'e8m0', 'f32', 'e4m3'],
};

function checkedScale(id: string, scale: OperandScale, scaling: Quantization['scaling']): OperandScale {
  checkOptions(`The scale of mode ${id}`, scale, { per: 'any', as: 'string' } satisfies Record<
    keyof OperandScale,
    OptionType
  >);
  const { per, as } = scale;
  const block = typeof per === 'object' && per !== null ? per.block : null;
  const shared = block === null ? (per as string) : 'block';
  if (!Object.hasOwn(KINDS, shared) || (block !== null && !SCALE_BLOCKS.includes(block))) {
    throw refused(
      `Mode ${id} has a scale per ${JSON.stringify(per)}.`,
      `There is one per "tensor", per "contraction", or per { block: ${SCALE_BLOCKS.join(' or ')} }.`,
    );
  }
  const kinds = KINDS[shared as keyof typeof KINDS];
  if (!kinds.includes(as)) {
    throw refused(
      `Mode ${id} has scales as "${as}" per ${JSON.stringify(per)}.`,
      `There they are ${kinds.join(', ')}.`,
    );
  }
  if (scaling.kind === 'delayed' && (shared !== 'tensor' || as !== 'pow2')) {
    throw refused(
      `Mode ${id} has delayed scales as "${as}" per ${JSON.stringify(per)}.`,
      'Delayed scales are powers of two of whole tensors: leave out `scale`, or use { kind: "current" }.',
    );
  }
  return { per: block === null ? per : { block }, as };
}

function wholeNumber(id: string, field: string, value: number, low: number, high: number): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw refused(`Mode ${id} has ${field} ${value}.`, `It must be a whole number from ${low} to ${high}.`);
}

function refused(message: string, hint: string): EngineError {
  return new EngineError('BAD_VALUE', message, hint);
}
