/** Token and position embeddings, and the gradients of both. */
import { dispatch } from '../gpu/dispatch.ts';
import { type Dispatch, linearGrid, type Target } from '../gpu/operation.ts';
import type { Operand } from '../gpu/tensor.ts';
import { dropoutUniforms, type RowDropout } from './dropout.ts';

interface Common {
  readonly label: string;
  readonly found: Operand;
}

/** out (B*T, C) = token embedding + position embedding, with elements dropped if asked for, for the tokens whose rows are in `tokenWeight`. */
export function embeddingForward(
  target: Target,
  args: Common & {
    tokens: Operand;
    /** (tokenRows, C): the rows of the embedding from `firstToken` on. */
    tokenWeight: Operand;
    firstToken: number;
    tokenRows: number;
    /** (T, C), if positions have embeddings. */
    positionWeight?: Operand | undefined;
    /** (1) u32: the place of the first row in its window, where the rows are a part of one; else they are whole windows. */
    position?: Operand | undefined;
    dropout?: RowDropout | undefined;
    out: Operand;
    rows: number;
    context: number;
    width: number;
  },
): Dispatch {
  const { tokens, tokenWeight, firstToken, tokenRows, positionWeight, position, dropout } = args;
  const { out, found, context, width, label } = args;
  const vectors = (args.rows * width) / 4;
  return dispatch(target, 'embedding_forward', {
    operands: { tokenWeight, positionWeight, out },
    tensors: { tokens, position, windows: dropout?.windows },
    writes: ['out'],
    found,
    uniforms: {
      ...{ vectors, c4: width / 4, context, firstToken, tokenRows },
      ...(dropout && dropoutUniforms(dropout)),
    },
    conditions: {
      ...{ positions: positionWeight !== undefined, placed: position !== undefined },
      dropout: dropout !== undefined,
    },
    grid: linearGrid(vectors, 64),
    label,
  });
}

/** Positions of a segment of embedding_backward_runs, while the segments are few. */
const SEGMENT = 32;
/** More segments would need more scratch than the column sums of a layer. */
const MAX_SEGMENTS = 256;

function segmentsOf(rows: number): { segment: number; segments: number } {
  const segment = SEGMENT * Math.ceil(rows / (SEGMENT * MAX_SEGMENTS));
  return { segment, segments: Math.ceil(rows / segment) };
}

/** Elements of the scratch in which {@link embeddingBackwardToken} keeps the sums of segments. */
export function segmentElements(rows: number, width: number): number {
  return 2 * segmentsOf(rows).segments * width;
}

/**
 * dweight (tokens, C), the rows from `firstToken` on, += the rows of dout (B*T, C) at which each token occurs. `starts` and
 * `positions` list the rows of each token, as in a CSR matrix. On software adapters one lane adds all positions of a token, in order. Elsewhere a few lanes would do all the work where few tokens are
 * frequent: the positions are cut into segments, and their sums are added in order. Equal bits each time, other bits than in
 * one pass.
 */
export function embeddingBackwardToken(
  target: Target,
  args: Common & {
    /** (rows) */
    ids: Operand;
    starts: Operand;
    positions: Operand;
    dout: Operand;
    dweight: Operand;
    /** f32, of {@link segmentElements}. */
    partials: Operand;
    firstToken: number;
    tokens: number;
    rows: number;
    width: number;
  },
): Dispatch[] {
  const { ids, starts, positions, dout, dweight, partials, firstToken, tokens, rows, width } = args;
  const { found, label } = args;
  const c4 = width / 4;
  if (!target.splitSums) {
    const vectors = tokens * c4;
    return [
      dispatch(target, 'embedding_backward_token', {
        operands: { dout, dweight },
        tensors: { starts, positions },
        writes: ['dweight'],
        ...{ found, label },
        uniforms: { vectors, c4, firstToken },
        grid: linearGrid(vectors, 64),
      }),
    ];
  }
  const { segment, segments } = segmentsOf(rows);
  const vectors = segments * c4;
  const shape = {
    found,
    uniforms: { vectors, c4, rows, segment, firstToken, tokens },
    grid: linearGrid(vectors, 64),
  };
  const tensors = { starts, positions, tokens: ids, partials };
  return [
    dispatch(target, 'embedding_backward_runs', {
      operands: { dout, dweight },
      tensors,
      writes: ['dweight', 'partials'],
      label: `${label} partial sums`,
      ...shape,
    }),
    dispatch(target, 'embedding_backward_join', {
      operands: { dweight },
      tensors,
      writes: ['dweight'],
      label,
      ...shape,
    }),
  ];
}

/** dweight (T, C) += dout (B, T, C) summed over the batch. */
export function embeddingBackwardPosition(
  target: Target,
  args: Common & { dout: Operand; dweight: Operand; batch: number; context: number; width: number },
): Dispatch {
  const { dout, dweight, found, batch, context, width, label } = args;
  const vectors = (context * width) / 4;
  return dispatch(target, 'embedding_backward_position', {
    operands: { dout, dweight },
    writes: ['dweight'],
    found,
    uniforms: { vectors, batch },
    grid: linearGrid(vectors, 64),
    label,
  });
}
