/** Which targets the report compiles for: what a run may end with on the adapter, or some of it. */
import { EngineError, type Target } from '../../src/engine/index.ts';

/** Name of a choice to the value that a target needs to have. */
export type KernelFilter = ReadonlyMap<string, string>;

/** The choices of a target by name, as options write them. */
export function choicesOf({
  matmul,
  attention,
  subgroup,
  lanes,
  matrixShapes,
}: Target): Readonly<Record<string, string>> {
  return {
    matmul,
    attention,
    subgroups: subgroup === null ? 'off' : String(subgroup),
    lanes: String(lanes),
    matrix: matrixShapes.length > 0 ? 'on' : 'off',
  };
}

export function targetName(target: Target): string {
  return Object.entries(choicesOf(target))
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

/** @throws EngineError BAD_VALUE where an entry is no `name=value` */
export function readFilter(value: string | undefined): KernelFilter {
  if (value === undefined) return new Map();
  return new Map(
    value.split(',').map((entry) => {
      const [name, choice] = entry.split('=');
      if (name && choice) return [name, choice];
      throw new EngineError('BAD_VALUE', `--kernels has "${entry}".`, 'Write NAME=VALUE, as matmul=tiled.');
    }),
  );
}

/** @throws EngineError BAD_VALUE naming what there is where no target is left */
export function filtered(targets: readonly Target[], filter: KernelFilter): Target[] {
  const left = targets.filter((target) => {
    const choices = choicesOf(target);
    return [...filter].every(([name, value]) => choices[name] === value);
  });
  if (left.length > 0) return left;
  throw new EngineError(
    'BAD_VALUE',
    'No target has all choices of --kernels.',
    `There are: ${targets.map(targetName).join('; ')}.`,
  );
}
