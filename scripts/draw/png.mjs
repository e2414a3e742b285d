/** Makes PNG files smaller: the browser compresses screenshots quickly, not well. */
import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = 8;

/** @param {Buffer} png 8 bits a channel, RGB or RGBA, not interlaced @returns the same pixels */
export function smallerPng(png) {
  const chunks = readChunks(png);
  const header = chunks.find(({ type }) => type === 'IHDR').data;
  const [width, height, depth, colour] = [
    header.readUInt32BE(0),
    header.readUInt32BE(4),
    header[8],
    header[9],
  ];
  const channels = { 2: 3, 6: 4 }[colour];
  if (depth !== 8 || !channels || header[12] !== 0) throw new Error('a PNG of another kind');
  const packed = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data));
  const pixels = unfilter(inflateSync(packed), width * channels, height, channels);
  const indexed = palette(pixels, channels);
  const body = indexed ? rows(indexed.pixels, width, height) : rows(pixels, width * channels, height);
  const head = Buffer.from(header);
  if (indexed) head[9] = 3;
  return Buffer.concat([
    png.subarray(0, SIGNATURE),
    chunk('IHDR', head),
    ...(indexed ? [chunk('PLTE', indexed.colours), chunk('tRNS', indexed.alphas)] : []),
    chunk('IDAT', deflateSync(body, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function readChunks(png) {
  const chunks = [];
  for (let at = SIGNATURE; at < png.length; ) {
    const length = png.readUInt32BE(at);
    chunks.push({
      type: png.toString('latin1', at + 4, at + 8),
      data: png.subarray(at + 8, at + 8 + length),
    });
    at += 12 + length;
  }
  return chunks;
}

function chunk(type, data) {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(named.length + 8);
  out.writeUInt32BE(data.length, 0);
  named.copy(out, 4);
  out.writeUInt32BE(crc32(named), named.length + 4);
  return out;
}

/** Undoes the five filters of PNG, row by row. */
function unfilter(filtered, stride, height, channels) {
  const out = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    const from = y * (stride + 1);
    const filter = filtered[from];
    for (let i = 0; i < stride; i++) {
      const at = y * stride + i;
      const left = i >= channels ? out[at - channels] : 0;
      const up = y > 0 ? out[at - stride] : 0;
      const corner = i >= channels && y > 0 ? out[at - stride - channels] : 0;
      const guess = [0, left, up, (left + up) >> 1, nearest(left, up, corner)][filter];
      out[at] = filtered[from + 1 + i] + guess;
    }
  }
  return out;
}

/** Which of three neighbours is nearest to left + up - corner (Paeth). */
function nearest(left, up, corner) {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

/** Rows without a filter, which suits flat colours best. */
function rows(pixels, stride, height) {
  const out = Buffer.alloc((stride + 1) * height);
  for (let y = 0; y < height; y++) pixels.copy(out, y * (stride + 1) + 1, y * stride, (y + 1) * stride);
  return out;
}

/** The pixels as numbers of colours, if there are at most 256. */
function palette(pixels, channels) {
  const numbers = new Map();
  const out = Buffer.alloc(pixels.length / channels);
  for (let i = 0; i < out.length; i++) {
    const at = i * channels;
    const key = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
    const full = key * 256 + (channels === 4 ? pixels[at + 3] : 255);
    if (!numbers.has(full)) numbers.set(full, numbers.size);
    if (numbers.size > 256) return null;
    out[i] = numbers.get(full);
  }
  const all = [...numbers.keys()];
  const colours = all.flatMap((full) => [0, 1, 2].map((i) => Math.floor(full / 256 ** (3 - i)) % 256));
  return { pixels: out, colours: Buffer.from(colours), alphas: Buffer.from(all.map((full) => full % 256)) };
}
