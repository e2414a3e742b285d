import { describe, expect, test } from 'vitest';
import { decodeFloats, encodeHalves } from '../../../src/engine/checkpoint/dtypes.ts';
import { blobSource, bytesSource } from '../../../src/engine/checkpoint/randomAccess.ts';
import { openSafetensors, readFloats, writeSafetensors } from '../../../src/engine/checkpoint/safetensors.ts';
import { decodeBits, encodeBits, f32Bits } from '../../../src/engine/reference/rounding.ts';
import { thrownBy } from '../thrownBy.ts';
import { concatenated, contents, file, floats, handmade, refusal, tensor, watched } from './files.ts';

const open = (bytes: Uint8Array) => openSafetensors(bytesSource('a.safetensors', bytes));
const one = '{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';

describe('a file that was written', () => {
  const tensors = [
    tensor('bytes', 'U8', [3], Uint8Array.of(1, 2, 3)),
    tensor('halves', 'BF16', [1, 2], Uint8Array.of(0x80, 0x3f, 0, 0xc0)),
    floats('h.0.attn.c_attn.weight', [2, 2], [1, -0, 2 ** -149, 3.5]),
    floats('scalar', [], [7]),
    floats('none', [0, 5], []),
  ];

  test('is read as it was, from memory and from a blob', async () => {
    const bytes = await file(tensors, { step: '7', __proto__x: 'ü' });
    for (const source of [bytesSource('a', bytes), blobSource('a', new Blob([bytes as BlobPart]))]) {
      const opened = await openSafetensors(source);
      expect([...opened.metadata]).toEqual([
        ['step', '7'],
        ['__proto__x', 'ü'],
      ]);
      expect(opened.tensors.get('halves')).toMatchObject({ dtype: 'BF16', shape: [1, 2], elements: 2 });
      const all = await contents(source);
      for (const { name, pieces } of tensors) {
        expect(all.get(name)).toEqual(await concatenated(pieces() as unknown as AsyncIterable<Uint8Array>));
      }
      expect(await readFloats(opened, opened.tensors.get('halves')!)).toEqual(Float32Array.of(1, -2));
      expect(await readFloats(opened, opened.tensors.get('h.0.attn.c_attn.weight')!)).toEqual(
        Float32Array.of(1, -0, 2 ** -149, 3.5),
      );
      expect(await readFloats(opened, opened.tensors.get('scalar')!)).toEqual(Float32Array.of(7));
    }
  });

  test('has every tensor aligned to its numbers', async () => {
    const { tensors: read } = await open(await file(tensors));
    for (const { offset, elements, bytes } of read.values()) {
      if (elements > 0) expect(offset % (bytes / elements)).toBe(0);
    }
  });

  test('may have been given a wrong byte count: this is a bug, and reported as one', async () => {
    const wrong = tensor('w', 'F32', [2], Uint8Array.of(1, 2, 3));
    await expect(concatenated(writeSafetensors([wrong]))).rejects.toThrow('w gave 3 bytes, not 8');
    const twice = floats('w', [1], [1]);
    await expect(concatenated(writeSafetensors([twice, twice]))).rejects.toThrow(
      'There are two tensors called w',
    );
  });
});

test('tensors at odd offsets, in any order in the header, with spaces after it, are read', async () => {
  const header =
    '{"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},"a":{"shape":[1],"data_offsets":[0,1],"dtype":"U8"}}   ';
  const bytes = handmade(header, 5);
  new DataView(bytes.buffer).setFloat32(bytes.length - 4, 1.5, true);
  const opened = await open(bytes);
  expect([...opened.tensors.keys()]).toEqual(['a', 'b']);
  expect(await readFloats(opened, opened.tensors.get('b')!)).toEqual(Float32Array.of(1.5));
});

test('keys of Object.prototype are ordinary names', async () => {
  const entry = '{"dtype":"U8","shape":[1],"data_offsets":[AT]}';
  const names = ['__proto__', 'constructor', 'toString'];
  const entries = names.map((name, i) => `"${name}":${entry.replace('AT', `${i},${i + 1}`)}`);
  const { tensors, metadata } = await open(
    handmade(`{"__metadata__":{"__proto__":"x"},${entries.join(',')}}`, 3),
  );
  expect([...tensors.keys()]).toEqual(names);
  expect(metadata.get('__proto__')).toBe('x');
  expect(({} as { dtype?: string }).dtype).toBeUndefined();
});

describe('refused, with the reason', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(0), /has 0 bytes, but the length of the header alone takes 8/],
    [
      'a header longer than the file',
      handmade(one, 8).subarray(0, 40),
      /should have 54 bytes, but 32 follow/,
    ],
    ['a length of 2^64 - 1', new Uint8Array(20).fill(0xff), /should have 18446744073709551615 bytes, but 12/],
    ['a header of no bytes', handmade('', 8), /begins with byte 0x0, not with "\{"/],
    ['a space before the header', handmade(` ${one}`, 8), /begins with byte 0x20/],
    ['an array', handmade('[]'), /begins with byte 0x5b/],
    ['a pickle', Uint8Array.of(0x80, 2, 0, 0, 0, 0, 0, 0, 0), /should have 640 bytes, but 1 follow/],
    ['JSON that is cut off', handmade('{"w":'), /not JSON at character 5: no value is here/],
    ['a number that only Python writes', handmade('{"w":NaN}'), /not JSON at character 5: no value is here/],
    ['JSON with more after it', handmade('{}{}'), /at character 2: something follows/],
    ['not UTF-8', handmade('{"w":1}').fill(0xff, 10, 11), /its header is not UTF-8/],
    ['a name of half a character', handmade('{"\\ud800":1}'), /a string has half a character/],
    ['a key twice', handmade(`{"w":1,"w":2}`), /at character 7: the key "w" is there twice/],
    ['a key twice, written differently', handmade(`{"w":1,"\\u0077":2}`), /the key "w" is there twice/],
    [
      'a key twice in an entry',
      handmade('{"w":{"dtype":"U8","dtype":"F32"}}'),
      /the key "dtype" is there twice/,
    ],
    ['nesting', handmade(`{"w":${'['.repeat(1000)}`), /nested more than 3 deep/],
    ['metadata that is a number', handmade('{"__metadata__":1}'), /__metadata__ is not an object/],
    ['metadata of numbers', handmade('{"__metadata__":{"step":7}}'), /__metadata__ "step" is not a string/],
    ['an entry that is null', handmade('{"w":null}'), /tensor "w" is not an object/],
    ['an unknown key', handmade(one.replace('"shape"', '"form"')), /tensor "w" has an unknown key "form"/],
    [
      'an unknown dtype',
      handmade(one.replace('F32', 'toString'), 8),
      /tensor "w" has the unknown dtype "toString"; dtypes are BOOL, /,
    ],
    ['a negative size', handmade(one.replace('[2]', '[-2]'), 8), /"w" has a shape that is not a list/],
    ['a size that is not whole', handmade(one.replace('[2]', '[0.5]'), 8), /has a shape that is not a list/],
    ['a size beyond 2^53', handmade(one.replace('[2]', '[9007199254740993]'), 8), /has a shape/],
    [
      'a product without end',
      handmade(one.replace('[2]', `[${Array(16).fill('9007199254740991').join()}]`), 8),
      /"w" of shape .* needs .* bytes, but its data_offsets 0 to 8 span 8/,
    ],
    ['one offset', handmade(one.replace('0,8', '8'), 8), /data_offsets that are not a pair/],
    ['offsets the wrong way', handmade(one.replace('0,8', '8,0'), 8), /needs 8 bytes, but .* 8 to 0 span -8/],
    [
      'bytes that are not those of the shape',
      handmade(one.replace('[2]', '[3]'), 8),
      /tensor "w" of shape \[3\] in F32 needs 12 bytes, but its data_offsets 0 to 8 span 8/,
    ],
    ['data beyond the end', handmade(one, 7), /tensor "w" ends at byte 70, but the file ends at 69/],
    ['data that belong to none', handmade(one, 9), /tensor "w" ends at byte 70, but the file ends at 71/],
    [
      'a gap',
      handmade(one.replaceAll('0,8', '1,9'), 9),
      /1 bytes between the header \(which ends at byte 62\) and tensor "w" \(which begins at 63\)/,
    ],
    [
      'an overlap',
      handmade(`${one.slice(0, -1)},"v":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12),
      /tensor "v" begins at byte \d+, but tensor "w" ends at \d+/,
    ],
  ])('%s', async (_, bytes, why) => {
    const error = await refusal(open(bytes));
    expect(error.code).toBe('BAD_FILE');
    expect(error.message).toMatch(why);
    expect(error.hint).not.toBe('');
  });

  test('a header of 100 MB, before it is read', async () => {
    const source = watched(new Uint8Array(8));
    new DataView((await source.read(0, 8)).buffer).setBigUint64(0, 100_000_000n, true);
    const error = await refusal(openSafetensors({ ...source, size: 2 ** 30 }));
    expect(error.message).toContain('has 100000000 bytes; at most 16777216 are read');
    expect(source.longest).toBe(8);
  });

  test('a file that becomes shorter, and one that cannot be read', async () => {
    const bytes = await file([floats('w', [2], [1, 2])]);
    const opened = await openSafetensors({
      ...bytesSource('a.safetensors', bytes),
      read: async (offset, length) => bytes.slice(0, -4).subarray(offset, offset + length),
    });
    const error = await refusal(readFloats(opened, opened.tensors.get('w')!));
    expect(error.message).toMatch(
      /^Only 4 of 8 bytes of "a\.safetensors" could be read at byte \d+: it changed/,
    );
    const gone = { ...bytesSource('a', bytes), read: () => Promise.reject(new Error('EIO: i/o error')) };
    expect((await refusal(openSafetensors(gone))).message).toContain('at byte 0: EIO');
  });

  test('numbers that are not finite, by tensor and element, wherever they are', async () => {
    const values = new Array(300_000).fill(1);
    values[299_999] = Number.NaN;
    const opened = await open(await file([floats('h.0.ln_1.bias', [300_000], values)]));
    const error = await refusal(readFloats(opened, opened.tensors.get('h.0.ln_1.bias')!));
    expect(error.code).toBe('NOT_FINITE');
    expect(error.message).toBe('h.0.ln_1.bias in "a.safetensors" is NaN at element 299999 of 300000.');
    const halves = await open(await file([tensor('w', 'F16', [2], Uint8Array.of(0, 0, 0, 0xfc))]));
    expect((await refusal(readFloats(halves, halves.tensors.get('w')!))).message).toContain('-Infinity');
  });

  test('tensors that cannot be weights', async () => {
    const opened = await open(await file([tensor('w', 'I64', [1], new Uint8Array(8))]));
    const error = await refusal(readFloats(opened, opened.tensors.get('w')!));
    expect([error.code, error.message]).toEqual([
      'WRONG_MODEL',
      'w holds I64 numbers; weights are read from F32, F16, BF16.',
    ]);
  });
});

test('f16 and bf16 are widened as the oracle does, all 65536 of each', () => {
  const codes = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  for (const [dtype, format] of [['F16', 'f16'] as const, ['BF16', 'bf16'] as const]) {
    const out = new Float32Array(codes.length);
    decodeFloats(dtype, new Uint8Array(codes.buffer), out);
    const wrong = [...codes].filter((code) => !Object.is(out[code], decodeBits(format, code)));
    expect(wrong).toEqual([]);
  }
});

test('f32 is rounded to f16 as the oracle does, around every f16', () => {
  const near: number[] = [];
  for (let code = 0; code < 0x7c00; code++) {
    const bits = f32Bits(decodeBits('f16', code));
    const half = 1 << (code < 0x400 ? 23 - Math.min(23, Math.floor(Math.log2(code || 1))) : 12);
    for (const by of [-half - 1, -half, -half + 1, -1, 0, 1, half - 1, half, half + 1]) {
      if (bits + by >= 0 && bits + by < 0x477ff000) near.push(bits + by);
    }
  }
  const both = Uint32Array.from([...near, ...near.map((bits) => (bits | 0x80000000) >>> 0)]);
  const codes = new Uint16Array(encodeHalves('w', new Float32Array(both.buffer)).buffer);
  const wrong = [...both].filter((bits, i) => codes[i] !== encodeBits('f16', bits));
  expect(wrong).toEqual([]);
  const error = thrownBy(() => encodeHalves('w', Float32Array.of(1, -65520)));
  expect(error.message).toBe('w has -65520 at element 1; F16 holds magnitudes below 65520.');
});
