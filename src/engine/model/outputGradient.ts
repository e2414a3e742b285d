/** The output gradient of a linear layer as the matmuls of its backward pass read it. */
import type { Operand } from '../gpu/tensor.ts';
import {
  blockScale,
  contractedRows,
  hasTwoCopies,
  isQuantized,
  keepsSource,
  type SumsAlong,
} from '../precision/storage.ts';
import { copyRounding, secondCopy } from './copyRounding.ts';
import type { Pass } from './pass.ts';
import type { Site } from './site.ts';
import type { GradientPlace } from './value.ts';

/** The operands of both products: one operand, two copies, or a copy and the tensor from which it was made. */
interface OutputGradient {
  readonly forInput: Operand;
  readonly forWeight: Operand;
}

/**
 * Emits the quantised copies of the output gradient; without quantisation the operand exists already, rounded or not.
 * @param trains whether the layer's weight is trained
 */
export function outputGradient(
  pass: Pass,
  site: Site,
  { tensor: inp, rounded }: GradientPlace,
  elements: number,
  trains: boolean,
): OutputGradient {
  const storage = pass.storage('outputGradient', site);
  if (!isQuantized(storage)) return { forInput: rounded ?? inp, forWeight: rounded ?? inp };
  const name = `${site.name} dY`;
  const two = hasTwoCopies(storage);
  const width = elements / pass.rows;
  const copy = (sums: SumsAlong): Operand => {
    const blockScales = blockScale(storage, width, sums);
    const stored = sums === 'columns' ? contractedRows(storage, pass.rows) * width : elements;
    const tensor = pass.scratch('output gradient operand', storage.format, stored, blockScales);
    const own = sums === 'columns' ? secondCopy(name) : name;
    const operand = pass.scaled(own, 'outputGradient', site, tensor, stored);
    const { block } = site;
    const listed = { name, kind: 'activationGradient', block, operand, slot: 'out', copy: true } as const;
    // Of two copies one is listed.
    const stores = sums === 'rows' ? [listed] : [];
    const rounding = copyRounding(pass, own, storage, sums);
    pass.quantize(`${site.name} output gradient`, inp, operand, elements, rounding, ...stores);
    return operand;
  };
  const forInput = copy('rows');
  if (keepsSource(storage)) return { forInput, forWeight: inp };
  return { forInput, forWeight: trains && two ? copy('columns') : forInput };
}
