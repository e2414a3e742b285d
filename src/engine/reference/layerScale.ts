import type { Values } from './store.ts';

/** out (rows, C) = inp (rows, C) * scale (C). */
export function layerScaleForward(inp: Values, scale: Values): Float64Array {
  return Float64Array.from(inp, (x, i) => x * scale[i % scale.length]!);
}

/** Gradients of {@link layerScaleForward} for dout (rows, C): dinp (rows, C), dscale (C). */
export function layerScaleBackward(
  dout: Values,
  inp: Values,
  scale: Values,
): { readonly dinp: Float64Array; readonly dscale: Float64Array } {
  const dscale = new Float64Array(scale.length);
  for (let i = 0; i < inp.length; i++) dscale[i % scale.length]! += dout[i]! * inp[i]!;
  return { dinp: layerScaleForward(dout, scale), dscale };
}
