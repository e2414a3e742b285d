// random: counter-based random bits. Value i of a stream needs no state, so that a run can be repeated bit for bit.
// shapes:  one u32, or four for consecutive positions of a stream
// numerics: integers only, wrapping
// dispatch: none (library)
// source:  SquirrelNoise5 (Squirrel Eiserloh), as llm.c uses it; src/engine/core/rng.ts (oracle)

// The seed is xored with this for an optimizer's states, so that their stream differs from that of the weights.
const MOMENT_STREAM = 0x9e3779b9u;

fn randomBits(position: u32, seed: u32) -> u32 {
  return randomBits4(vec4u(position), seed).x;
}

// Random bits at positions 4 * vector to 4 * vector + 3.
fn randomVector(vector: u32, seed: u32) -> vec4u {
  return randomBits4(vec4u(4u * vector) + vec4u(0u, 1u, 2u, 3u), seed);
}

fn randomBits4(position: vec4u, seed: u32) -> vec4u {
  var n = position * vec4u(0xd2a80a3fu) + vec4u(seed);
  n ^= n >> vec4u(9u);
  n += vec4u(0xa884f197u);
  n ^= n >> vec4u(11u);
  n *= vec4u(0x6c736f4bu);
  n ^= n >> vec4u(13u);
  n += vec4u(0xb79f3abbu);
  n ^= n >> vec4u(15u);
  n *= vec4u(0x1b56c4f5u);
  n ^= n >> vec4u(17u);
  return n;
}
