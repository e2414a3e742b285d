/**
 * Counter-based random numbers. Value i of a stream depends on i and the seed alone, so any position of a run can be
 * recomputed. The hash is SquirrelNoise5 (Squirrel Eiserloh), as in llm.c.
 */
export function randomBits(position: number, seed: number): number {
  let n = Math.imul(position, 0xd2a80a3f);
  n = (n + seed) | 0;
  n ^= n >>> 9;
  n = (n + 0xa884f197) | 0;
  n ^= n >>> 11;
  n = Math.imul(n, 0x6c736f4b);
  n ^= n >>> 13;
  n = (n + 0xb79f3abb) | 0;
  n ^= n >>> 15;
  n = Math.imul(n, 0x1b56c4f5);
  n ^= n >>> 17;
  return n >>> 0;
}

/** Uniform in [0, 1) with 53 random bits. */
export function uniformAt(position: number, seed: number): number {
  const high = randomBits(2 * position, seed) >>> 5;
  const low = randomBits(2 * position + 1, seed) >>> 6;
  return (high * 2 ** 26 + low) / 2 ** 53;
}

/** Integer in [0, bound), by scaling 53 random bits. The bias is below bound / 2^53. */
export function integerAt(position: number, seed: number, bound: number): number {
  return Math.floor(uniformAt(position, seed) * bound);
}

/** Standard normal by Box-Muller. */
export function normalAt(position: number, seed: number): number {
  const u = 1 - uniformAt(2 * position, seed);
  const v = uniformAt(2 * position + 1, seed);
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}

/** Hashes a name with FNV-1a, starting from the seed: the seed of a stream that belongs to the name alone. */
export function streamOf(name: string, seed = 0): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
