/** Checksums of what runs start from, before rounding to any format. They prove that compared runs started identically. */
import { checksum } from '../data/checksum.ts';

/** 16 hex digits each. Runs that differ only in precision have equal checksums. */
export interface StartChecksums {
  /** Checksum of the initial weights in f32. */
  readonly weights: string;
  /** Checksum of the first training micro-batches. */
  readonly batches: string;
}

/** Hashes weights as they are uploaded, tensor by tensor. The order does not matter, because modes group them differently. */
export class WeightsChecksum {
  readonly #byName = new Map<string, string>();

  /** Returns the values unchanged. @param values f32, as drawn from the seed */
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
