/** Kernels that store operands in narrow formats with a scale for each block of consecutive elements, of a column, or for each tile. */
import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import {
  blockScalesOf,
  bytesPerElement,
  formatOf,
  type Operand,
  recordOf,
  scaleOf,
  tensorOf,
} from '../gpu/tensor.ts';
import { type FormatId, formatInfo } from '../precision/formats.ts';
import { largestBits } from '../precision/quantization.ts';
import { type BlockRounding, HADAMARD, type ScaleRule, type Tile } from '../precision/storage.ts';
import { type QuantizeArgs, tensorAmax } from './quantize.ts';

/** Lanes of quantize_blocks.wgsl, and the most lanes that share a block. A workgroup then has at least four blocks. */
const BLOCKS_WIDTH = 64;
const MAX_BLOCK_LANES = 16;
/** Mantissa bits of an f32. */
const MANTISSA = 0x7fffff;

/** Random bits of a matrix of tokens (B * T, C) by which it is rounded. They depend on a window's index in the step, and not on its row. */
export interface RowRandom {
  /** (B, 3 + T) u32, as `windowWords` of attentionOptions.ts writes it. */
  readonly windows: Operand;
  /** T, rows of a window. */
  readonly context: number;
  /** B */
  readonly windowCount: number;
  /** A number of this copy's own, so that no two copies of a model are rounded by the same bits. */
  readonly stream: number;
}

export interface QuantizeBlocksArgs
  extends Pick<QuantizeArgs, 'label' | 'inp' | 'out' | 'elements'>,
    Partial<Pick<QuantizeArgs, 'amax' | 'scales'>> {
  /** The scale rule, and whether `inp` (rows, C) is transformed first; `out` then has {@link contractedRows} rows. */
  readonly rounding?: Omit<BlockRounding, 'stochastic'> | undefined;
  /** Present where values are rounded stochastically. */
  readonly random?: RowRandom | undefined;
}

/**
 * out = inp in the format of out, with the block scales that fit the largest magnitude of each block. If `out` has a tensor
 * scale too, the block scales are multiplied by it; the entry of `out` in `amax` must then be 0 before.
 * @throws RangeError if out has no block scales, or `elements` are no whole blocks or rows of four-element vectors (of eight
 * elements in a format of half a byte)
 */
export function quantizeBlocks(target: Target, args: QuantizeBlocksArgs): Dispatch[] {
  const { out, elements } = args;
  const { block = 0, tile } = blockScalesOf(out) ?? {};
  const run = tile?.width ?? block;
  // Elements in a word, or in a vector.
  const unit = bytesPerElement(formatOf(out)) < 1 ? 8 : 4;
  if (!(run > 0 && run % unit === 0 && elements % run === 0)) {
    throw new RangeError(
      `${tensorOf(out).name}: ${elements} elements cannot be stored in ${tile ? 'rows' : 'blocks'} of ${run}: there must be whole ones, of a multiple of ${unit} elements`,
    );
  }
  const quantized =
    tile?.columns === 1 ? columnBlocks(target, args, tile) : rowBlocksOf(target, args, block, tile);
  return scaleOf(out) === undefined ? [quantized] : [blocksAmax(target, args), quantized];
}

function blocksAmax(target: Target, args: QuantizeBlocksArgs): Dispatch {
  const { inp, out, elements, label, amax, rounding } = args;
  if (!rounding?.transform) return tensorAmax(target, { ...args, amax: amax! });
  const { width } = blockScalesOf(out)!.tile!;
  const rows = elements / width;
  return dispatch(target, 'rotated_amax', {
    operands: { inp },
    tensors: { amax },
    writes: ['amax'],
    uniforms: { rows, c4: width / 4, record: recordOf(out) },
    constants: { LANES: target.lanes },
    grid: [Math.ceil(width / 4 / target.lanes), Math.ceil(rows / HADAMARD), 1],
    label: `${label} amax`,
  });
}

/** What both kernels that quantise blocks have in common. */
function ofBlocks({ inp, out, amax, scales, rounding, random }: QuantizeBlocksArgs) {
  const format = formatOf(out);
  const isScaled = scaleOf(out) !== undefined;
  const rule = rounding?.rule ?? null;
  return {
    operands: { inp, out },
    tensors: { ...(isScaled && { amax, scales }), windows: random?.windows },
    writes: isScaled ? (['out', 'scales'] as const) : (['out'] as const),
    uniforms: {
      largest: largestBits(format),
      rounded: rule === null ? undefined : roundedUp(rule, format),
      record: isScaled ? recordOf(out) : undefined,
      ...(random && { context: random.context, windowCount: random.windowCount, stream: random.stream }),
    },
    conditions: { scaled: isScaled, ruled: rule !== null, stochastic: random !== undefined },
    constants: { UNIT: bytesPerElement(format) < 1 ? 2 : 1 },
  };
}

/** What is added to the bits of a magnitude, so that its exponent is the one from which the rule computes the scale. */
function roundedUp(rule: ScaleRule, format: FormatId): number {
  switch (rule) {
    case 'floor':
      return 0;
    case 'ceil':
      return MANTISSA;
    case 'even':
      return 2 ** (22 - formatInfo(format).mantissaBits);
    case 'rceil':
      return MANTISSA - (largestBits(format) & MANTISSA);
  }
}

function rowBlocksOf(
  target: Target,
  args: QuantizeBlocksArgs,
  block: number,
  tile: Tile | undefined,
): Dispatch {
  const { elements, label, random } = args;
  const common = ofBlocks(args);
  const { UNIT } = common.constants;
  const rows = tile && elements / tile.width;
  const blocks = tile
    ? Math.ceil(rows! / tile.rows) * Math.ceil(tile.width / tile.columns)
    : elements / block;
  const BLOCK4 = (tile?.columns ?? block) / 4;
  // A power of two, so that no two blocks share a lane.
  const lanes = Math.min(MAX_BLOCK_LANES, 2 ** Math.ceil(Math.log2((BLOCK4 * (tile?.rows ?? 1)) / UNIT)));
  return dispatch(target, 'quantize_blocks', {
    ...common,
    uniforms: {
      ...common.uniforms,
      blocks,
      rows,
      c4: random && elements / (random.windowCount * random.context) / 4,
    },
    conditions: { ...common.conditions, tiles: tile !== undefined },
    constants: {
      ...common.constants,
      BLOCK4,
      LANES: lanes,
      ...(tile && { TILE_ROWS: tile.rows, WIDTH4: tile.width / 4 }),
    },
    grid: linearGrid(blocks, BLOCKS_WIDTH / lanes),
    label,
  });
}

function columnBlocks(target: Target, args: QuantizeBlocksArgs, { rows: ROWS, width }: Tile): Dispatch {
  const { elements, label, rounding } = args;
  const common = ofBlocks(args);
  const rows = elements / width;
  const transform = rounding?.transform ?? false;
  const LANES = target.lanes;
  return dispatch(target, 'quantize_column_blocks', {
    ...common,
    uniforms: { ...common.uniforms, rows, c4: width / 4 },
    conditions: { ...common.conditions, transform },
    constants: { ...common.constants, LANES, ROWS },
    grid: [Math.ceil(width / 4 / common.constants.UNIT / LANES), Math.ceil(rows / ROWS), 1],
    label,
  });
}
