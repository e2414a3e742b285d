/** The tensors of a run by name. Each is planned once, by the first caller that names it. */
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
   * Returns the tensor called `name`, and makes it large enough for all callers that use the name.
   * @throws RangeError if callers disagree on its format or block scales, or if it would be new or grow after the plan is complete
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
      throw new RangeError(`${name} is planned with two different kinds of block scales`);
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
   * Returns the tensor that all callers with the same `name`, format and block scales share. If `name` is already planned with
   * another format or other block scales, the new tensor's name includes its own.
   */
  shared(
    category: MemoryCategory,
    name: string,
    type: ElementType,
    elements: number,
    blockScales?: BlockScales,
  ): Tensor {
    const isOther = this.isOther(name, type, blockScales);
    const own = isOther ? `${name} in ${type}${blockScales ? inWords(blockScales) : ''}` : name;
    return this.add(category, own, type, elements, blockScales);
  }

  /**
   * Returns a view that adds to this plan, for passes whose tensors partly differ: what this plan has in the same format it shares,
   * and what it has in another gets a name that ends with `what`.
   */
  beside(what: string): TensorPlan {
    return new PlanBeside(this, what);
  }

  /** Whether a tensor called `name` is planned with another format or other block scales. */
  isOther(name: string, type: ElementType, blockScales?: BlockScales): boolean {
    const known = this.#byName.get(name);
    return known !== undefined && (known.type !== type || !areEqual(known.blockScales, blockScales));
  }

  /** Adds a tensor that was made elsewhere. */
  include(category: MemoryCategory, tensor: Tensor | undefined): void {
    if (tensor) this.planned.push({ tensor, category });
  }

  /** Makes all sizes final, since buffers are allocated from them. */
  complete(): void {
    this.#complete = true;
  }
}

class PlanBeside extends TensorPlan {
  readonly #plan: TensorPlan;
  readonly #what: string;

  constructor(plan: TensorPlan, what: string) {
    super();
    this.#plan = plan;
    this.#what = what;
  }

  override add(...[category, name, type, elements, blockScales]: Parameters<TensorPlan['add']>): Tensor {
    const own = this.#plan.isOther(name, type, blockScales) ? `${name}, ${this.#what}` : name;
    return this.#plan.add(category, own, type, elements, blockScales);
  }

  override shared(...args: Parameters<TensorPlan['shared']>): Tensor {
    return this.#plan.shared(...args);
  }
}

function areEqual(a: BlockScales | undefined, b: BlockScales | undefined): boolean {
  return (
    a?.block === b?.block &&
    a?.columns === b?.columns &&
    a?.tile?.rows === b?.tile?.rows &&
    a?.tile?.columns === b?.tile?.columns &&
    a?.tile?.width === b?.tile?.width &&
    a?.as === b?.as &&
    a?.part === b?.part &&
    a?.given === b?.given
  );
}

function inWords({ block, columns, tile }: BlockScales): string {
  if (tile) return ` with a scale for each ${tile.rows} x ${tile.columns} of ${tile.width}`;
  return columns === undefined ? ` with a scale for each ${block}` : ` with scales of ${columns} columns`;
}
