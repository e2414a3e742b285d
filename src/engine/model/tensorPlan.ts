/** The tensors of a run by name, each planned once, whoever asks for it first. */
import type { MemoryCategory } from '../core/memoryCategories.ts';
import type { BlockScales, ElementType, Tensor } from '../gpu/tensor.ts';

export interface PlannedTensor {
  readonly tensor: Tensor;
  readonly category: MemoryCategory;
}

export class TensorPlan {
  readonly planned: PlannedTensor[] = [];
  readonly #byName = new Map<string, { -readonly [Key in keyof Tensor]: Tensor[Key] }>();
  #complete = false;

  /**
   * The tensor called `name`, as large as the most that anybody asks for under that name.
   * @throws RangeError where two askers want different formats or scales, or one asks after the plan is complete for what it lacks
   */
  add(
    category: MemoryCategory,
    name: string,
    type: ElementType,
    elements: number,
    blockScales?: BlockScales,
  ): Tensor {
    const known = this.#byName.get(name);
    if (known && known.type !== type) throw new RangeError(`${name} is ${known.type} and ${type}`);
    if (known && !areEqual(known.blockScales, blockScales)) {
      throw new RangeError(`${name} has different scales of blocks`);
    }
    if (known && known.elements >= elements) return known;
    if (this.#complete) throw new RangeError(`${name} of ${elements} elements is not planned`);
    if (known) {
      known.elements = elements;
      return known;
    }
    const tensor = { name, type, elements, ...(blockScales && { blockScales }) };
    this.#byName.set(name, tensor);
    this.planned.push({ tensor, category });
    return tensor;
  }

  /**
   * The tensor that all share who ask for `name` in one format with the same scales. Both are in its name if `name` is planned
   * otherwise.
   */
  shared(
    category: MemoryCategory,
    name: string,
    type: ElementType,
    elements: number,
    blockScales?: BlockScales,
  ): Tensor {
    const known = this.#byName.get(name);
    const isOther = known !== undefined && (known.type !== type || !areEqual(known.blockScales, blockScales));
    const blocks = blockScales ? ` with a scale for each ${blockScales.block}` : '';
    return this.add(category, isOther ? `${name} in ${type}${blocks}` : name, type, elements, blockScales);
  }

  /** Takes a tensor that was made elsewhere. */
  include(category: MemoryCategory, tensor: Tensor | undefined): void {
    if (tensor) this.planned.push({ tensor, category });
  }

  /** Sizes are final from here on: buffers are made by them. */
  complete(): void {
    this.#complete = true;
  }
}

function areEqual(a: BlockScales | undefined, b: BlockScales | undefined): boolean {
  return a?.block === b?.block && a?.as === b?.as && a?.part === b?.part;
}
