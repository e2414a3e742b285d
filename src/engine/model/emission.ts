/** The operations that building a pass emits, and the named tensors of the model that they store. */
import type { Operation, Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';
import type { ModelKernels } from '../kernels/modelKernels.ts';
import type { Site } from './site.ts';

export const PHASES = ['forward', 'lmHead', 'backward'] as const;
export type Phase = (typeof PHASES)[number];

/** Makes operations. It is called once the adapter is known and the plan is complete. */
export type Emit = (target: Target, kernels: ModelKernels) => Operation | readonly Operation[];

/** A named tensor of the model that operations store: a row of the numerics panel. */
export interface Stored {
  readonly name: string;
  readonly kind: 'activation' | 'activationGradient';
  readonly block: number | null;
  readonly operand: Operand;
  /** Name of the binding through which dispatches store it. */
  readonly slot: string;
  /** Whether it is a copy for some of its readers. The tensor that it was made from is listed too. */
  readonly copy?: boolean;
  /**
   * Whether its rounding error is left out of the noise measurement, because kernels change it in place or because it exists
   * only to be quantised, and the error of that is measured.
   */
  readonly unmeasured?: boolean;
}

/** Describes a tensor of the forward pass that an operation stores. @param name defaults to the site's name */
export function activation(
  { name: own, block }: Pick<Site, 'name' | 'block'>,
  operand: Operand,
  slot = 'out',
  name = own,
): Stored {
  return { name, kind: 'activation', block, operand, slot };
}

/** An emission after its operations were made. */
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

/** The emissions of a pass, in order. */
export class EmissionList {
  phase: Phase = 'forward';
  #emissions: (Emission | Later)[] = [];

  add(emit: Emit, stores: readonly Stored[]): void {
    this.#emissions.push({ phase: this.phase, emit, stores });
  }

  /** Reserves this place in the order for the emissions that `build` adds when the operations are made. */
  later(build: () => void): void {
    this.#emissions.push({ phase: this.phase, later: build });
  }

  /** Makes the operations for an adapter. */
  build(target: Target, kernels: ModelKernels): Emitted[] {
    return this.#complete().map(({ emit, ...emission }) => {
      const made = emit(target, kernels);
      const operations: readonly Operation[] = 'kind' in made ? [made] : made;
      return { ...emission, operations };
    });
  }

  /** Every named tensor that the emissions store, in order, without those that {@link later} adds. */
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
