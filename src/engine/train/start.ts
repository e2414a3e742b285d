/** Proof that runs began alike: fingerprints of what they start from, before any format rounds it. */
import { checksum } from '../data/checksum.ts';

/** 16 hex digits each. Equal in runs that differ in precision only. */
export interface StartChecksums {
  /** Of the initial weights as f32. */
  readonly weights: string;
  /** Of the first training micro-batches. */
  readonly batches: string;
}

/** Fingerprints weights as they are uploaded, tensor by tensor in any order: modes group them differently. */
export class WeightsChecksum {
  readonly #byName = new Map<string, string>();

  /** Passes the values through. @param values f32, as drawn from the seed */
  add(name: string, values: Float32Array): Float32Array {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    this.#byName.set(name, checksum(bits));
    return values;
  }

  get value(): string {
    const names = [...this.#byName.keys()].sort();
    return checksum(...names.map((name) => words(this.#byName.get(name)!)));
  }
}

function words(digits: string): number[] {
  return [Number.parseInt(digits.slice(0, 8), 16), Number.parseInt(digits.slice(8), 16)];
}
