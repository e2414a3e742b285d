/** Makes dispatches of kernels. Slots, bindings and conditions are derived from one record of operands. */
import { formatInfo, type HalfStorage, preludeOf } from '../precision/formats.ts';
import { type Dispatch, SITE, type SlotStorage, type Target } from './operation.ts';
import { blockScalesOf, formatOf, type Operand, recordOf, scaleOf, tensorOf } from './tensor.ts';

type Bound = Readonly<Record<string, Operand | undefined>>;
type Nothing = Readonly<Record<never, never>>;

/** The arguments of a dispatch. Operands, tensors, functions and uniforms that are undefined are left out. */
export interface DispatchArgs<O extends Bound, T extends Bound> {
  /** Operands by slot. Each is bound under the slot's name, and its format and block scales select the slot's module. */
  readonly operands?: O;
  /** Tensors by binding name, for bindings whose type the kernel declares itself. */
  readonly tensors?: T;
  /** Operands whose scales of rows or columns the kernel applies itself, because they are constant along its sums. */
  readonly outer?: Readonly<Record<string, boolean>>;
  /** The overflow flag of lib/found.wgsl. It adds the uniform `site`. */
  readonly found?: Operand | undefined;
  /** Names of the bindings that the kernel stores to, except `found`. Absent ones are skipped. */
  readonly writes: readonly NoInfer<(keyof O | keyof T) & string>[];
  /**
   * Uniform name to the operand whose index in the table of lib/tensor_scale.wgsl it holds. The condition `scaled` is set if
   * one of these operands has a tensor scale.
   */
  readonly scaled?: Readonly<Record<string, NoInfer<keyof O & string>>> | undefined;
  readonly uniforms: Readonly<Record<string, number | undefined>>;
  /** Files of `shaders/functions/` by slot. */
  readonly functions?: Readonly<Record<string, string | undefined>>;
  readonly conditions?: Dispatch['variant']['conditions'];
  readonly constants?: Dispatch['variant']['constants'];
  readonly grid: Dispatch['grid'];
  readonly label: string;
  readonly flops?: number;
  readonly observes?: true;
}

/**
 * Makes one dispatch of a kernel.
 * @param target null for a kernel without slots
 * @throws RangeError if shaders/slots/ cannot access an operand in its format with its block scales
 */
export function dispatch<O extends Bound = Nothing, T extends Bound = Nothing>(
  target: Pick<Target, 'half'> | null,
  kernel: string,
  args: DispatchArgs<O, T>,
): Dispatch {
  const { found, writes, conditions, constants = {}, grid, label, flops, observes } = args;
  const operands: Bound = args.operands ?? {};
  const tensors: Bound = args.tensors ?? {};
  const slots: Record<string, SlotStorage> = {};
  const bindings: Record<string, Operand> = {};
  const functions: Record<string, string> = {};
  const uniforms: Record<string, number | typeof SITE> = {};
  for (const name in args.functions) {
    const file = args.functions[name];
    if (file !== undefined) functions[name] = file;
  }
  for (const name in operands) {
    const operand = operands[name];
    if (operand === undefined) continue;
    if (target === null) throw new TypeError(`${kernel} is dispatched without a target, and has operands`);
    bindings[name] = operand;
    slots[name] = slotStorage(operand, target.half, args.outer?.[name] ?? false);
  }
  for (const name in tensors) {
    const tensor = tensors[name];
    if (tensor !== undefined) bindings[name] = tensor;
  }
  for (const name in args.uniforms) {
    const value = args.uniforms[name];
    if (value !== undefined) uniforms[name] = value;
  }
  const written: string[] = writes.filter((name) => name in bindings);
  if (found) {
    bindings.found = found;
    uniforms.site = SITE;
    written.push('found');
  }
  return {
    kind: 'dispatch',
    variant: {
      kernel,
      slots,
      ...(args.functions && { functions }),
      conditions: {
        ...conditions,
        ...addScales(args.scaled, operands, bindings, uniforms),
      },
      constants,
    },
    bindings,
    writes: written,
    uniforms,
    grid,
    label,
    ...(flops !== undefined && { flops }),
    ...(observes && { observes }),
  };
}

/** @throws RangeError if shaders/slots/ cannot access the operand */
function slotStorage(operand: Operand, half: HalfStorage, isOuter: boolean): SlotStorage {
  const format = formatOf(operand);
  const prelude = preludeOf(format, half);
  const scales = blockScalesOf(operand);
  const { bytes } = formatInfo(format);
  const stored = `${tensorOf(operand).name} is stored in ${format}`;
  if (!scales && bytes < 1) throw new RangeError(`${stored}, which needs block scales`);
  if (scales && bytes > 1) {
    throw new RangeError(
      `${stored} with ${bytes} bytes per element: only formats with at most 1 byte can have block scales`,
    );
  }
  if (!scales) return prelude;
  const { block, columns, tile, as } = scales;
  const run = block ?? columns ?? tile!.width;
  if (run % 4 !== 0 || (tile && tile.columns !== 1 && tile.columns % 4 !== 0)) {
    const cut = block === undefined ? `with scales of ${run} columns` : `in blocks of ${block} elements`;
    throw new RangeError(`${stored} ${cut}, which is no multiple of 4`);
  }
  if (isOuter) return `${prelude}/outer:${as}`;
  if (tile) return `${prelude}/tiles${tile.rows}x${tile.columns}of${tile.width}:${as}`;
  return columns === undefined ? `${prelude}/${block}:${as}` : `${prelude}/columns${columns}:${as}`;
}

/** Binds the table of tensor scales if one of the operands has such a scale, and sets the uniforms to the record of each operand. */
function addScales(
  scaled: Readonly<Record<string, string>> | undefined,
  operands: Bound,
  bindings: Record<string, Operand>,
  uniforms: Record<string, number | typeof SITE>,
): { readonly scaled: boolean } | undefined {
  if (!scaled) return undefined;
  const records = Object.entries(scaled).map(([uniform, name]) => [uniform, operands[name]!] as const);
  const scale = records.map(([, operand]) => scaleOf(operand)).find(Boolean);
  if (!scale) return { scaled: false };
  bindings.scales = scale.tensor;
  for (const [uniform, operand] of records) uniforms[uniform] = recordOf(operand);
  return { scaled: true };
}
