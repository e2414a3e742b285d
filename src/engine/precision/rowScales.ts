/** Storages of passes whose rows must not depend on each other: sampling with a cache, and evaluation of a given model. */
import { RecipeOf, type SiteRule, storagesOf } from './recipe.ts';
import { type Scale, type SiteRole, type Storage, writtenFormat } from './storage.ts';

/** Roles of what the rows of a pass store. */
const ROW_ROLES: readonly SiteRole[] = ['activation', 'preActivation', 'normInput', 'attention'];

/** Whether training has scales that rows share. Sampling and evaluation of a given model then have one per row. */
export function sharesScales(recipe: RecipeOf<string>): boolean {
  return ROW_ROLES.some((role) =>
    storagesOf(recipe, role).some(
      ({ scales, levels }) => levels !== undefined || scales?.some(({ per }) => per === 'tensor'),
    ),
  );
}

/**
 * The recipe with a scale for each row where rows share one: the storage of a token then depends on no other. Formats, weights
 * and scales of blocks stay as they are; operands that are rounded to levels keep the format that they are rounded from.
 */
export function withRowScales<Id extends string>(recipe: RecipeOf<Id>): RecipeOf<Id> {
  const sites = recipe.sites.map(({ in: place, storages }): SiteRule => {
    const own = Object.entries(storages).map(([role, storage]) => [
      role,
      (ROW_ROLES as readonly string[]).includes(role) ? ofRows(storage) : storage,
    ]);
    return { in: place, storages: Object.fromEntries(own) };
  });
  // Those of the last blocks are among the rules already.
  const { lastBlocks: _, ...row } = recipe.row;
  if (!recipe.attention) return new RecipeOf(recipe.id, { ...row, sites });
  const { queryKeyValue } = recipe.attention;
  const attention = { ...recipe.attention, queryKeyValue: ofRows(queryKeyValue) };
  return new RecipeOf(recipe.id, { ...row, sites, attention }, { quantizeAttention: true });
}

function ofRows(storage: Storage): Storage {
  const { scales, levels } = storage;
  if (levels) return { format: writtenFormat(storage) };
  if (!scales) return storage;
  // A second copy, with scales of columns or of their parts, is read by the backward pass alone.
  const within = scales.find(({ per }) => per !== 'tensor' && per !== 'contraction');
  const own = scales.at(-1)!;
  const per = within ? alongRows(within.per) : 'row';
  // E4M3 has too few exponents without a scale of the tensor.
  const as = own.as === 'e4m3' ? 'f32' : own.as;
  return { ...storage, scales: [{ ...own, per, as, when: 'current' }] };
}

function alongRows(per: Scale['per']): Scale['per'] {
  return typeof per === 'object' && 'contraction' in per ? { block: per.contraction } : per;
}
