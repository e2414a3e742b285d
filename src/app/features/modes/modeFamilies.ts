/** The families of precision modes, as menus list them. */
import { MODE_FAMILIES, PRECISION_MODES, type VariantId } from '../../../engine/index.ts';

export interface ListedFamily {
  readonly title: string;
  /** One line that says what its modes have in common. */
  readonly summary: string;
  readonly modes: readonly VariantId[];
}

/** Groups modes by their families, each in its order; simulated modes and variants come last. Empty groups are left out. */
export function familiesOf(offered: readonly VariantId[]): ListedFamily[] {
  const named = new Set<VariantId>(PRECISION_MODES);
  return [
    ...MODE_FAMILIES.map((family) => ({
      ...family,
      modes: family.modes.filter((mode) => offered.includes(mode)),
    })),
    {
      title: 'Chosen above',
      summary: 'Simulated modes, and modes with settings of their own.',
      modes: offered.filter((mode) => !named.has(mode)),
    },
  ].filter(({ modes }) => modes.length > 0);
}
