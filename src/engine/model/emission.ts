/** What building a program emits: operations to be, and which named tensors of the model they store. */
import type { Operation, Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';
import type { ModelKernels } from '../kernels/modelKernels.ts';
import type { Site } from './site.ts';

export const PHASES = ['forward', 'lmHead', 'backward'] as const;
export type Phase = (typeof PHASES)[number];

/** Makes operations once the adapter is known, and the plan complete. */
export type Emit = (target: Target, kernels: ModelKernels) => Operation | readonly Operation[];

/** A named tensor of the model as operations store it: a row of the numerics panel. */
export interface Stored {
  readonly name: string;
  readonly kind: 'activation' | 'activationGradient';
  readonly block: number | null;
  readonly operand: Operand;
  /** Binding of the dispatches that store it. */
  readonly slot: string;
  /** A copy for some of its readers: what it was made from is listed already. */
  readonly copy?: boolean;
  /**
   * What storing it loses is not measured: it is a sum that kernels add to in place, or exists only to be quantised, which is
   * measured then.
   */
  readonly unmeasured?: boolean;
}

/** What an operation stores of the forward pass. @param name if not the site's own */
export function activation(
  { name: own, block }: Pick<Site, 'name' | 'block'>,
  operand: Operand,
  slot = 'out',
  name = own,
): Stored {
  return { name, kind: 'activation', block, operand, slot };
}

/** An emission with its operations. */
export interface Emitted {
  readonly phase: Phase;
  readonly operations: readonly Operation[];
  readonly stores: readonly Stored[];
}

export function operationsOf(emitted: readonly Emitted[]): Operation[] {
  return emitted.flatMap(({ operations }) => operations);
}

interface Emission {
  readonly phase: Phase;
  readonly emit: Emit;
  readonly stores: readonly Stored[];
}

interface Later {
  readonly phase: Phase;
  readonly later: () => void;
}

/** What a pass emits, in order. */
export class EmissionList {
  phase: Phase = 'forward';
  #emissions: (Emission | Later)[] = [];

  add(emit: Emit, stores: readonly Stored[]): void {
    this.#emissions.push({ phase: this.phase, emit, stores });
  }

  /** Adds what `build` adds, at this place, when the operations are asked for. */
  later(build: () => void): void {
    this.#emissions.push({ phase: this.phase, later: build });
  }

  /** The operations on an adapter. */
  build(target: Target, kernels: ModelKernels): Emitted[] {
    return this.#complete().map(({ emit, ...emission }) => {
      const made = emit(target, kernels);
      const operations: readonly Operation[] = 'kind' in made ? [made] : made;
      return { ...emission, operations };
    });
  }

  /** Every named tensor that is stored, in order; of what is added later nothing. */
  get stores(): readonly Stored[] {
    const stores: Stored[] = [];
    for (const emission of this.#emissions) if (!('later' in emission)) stores.push(...emission.stores);
    return stores;
  }

  #complete(): Emission[] {
    const emissions = this.#emissions;
    const complete: Emission[] = [];
    for (const emission of emissions) {
      if (!('later' in emission)) {
        complete.push(emission);
        continue;
      }
      this.#emissions = [];
      this.phase = emission.phase;
      emission.later();
      complete.push(...this.#complete());
    }
    this.#emissions = complete;
    return complete;
  }
}
