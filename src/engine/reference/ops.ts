/** One f64 oracle for each GPU kernel. Names as in llm.c: inp, out, weight, dinp, dout, dweight. */
export * from './adamw.ts';
export * from './attention.ts';
export * from './crossEntropy.ts';
export * from './embedding.ts';
export * from './gelu.ts';
export * from './gradNorm.ts';
export * from './layernorm.ts';
export * from './lion.ts';
export * from './matmul.ts';
export * from './muon.ts';
export * from './relu2.ts';
export * from './rmsnorm.ts';
export * from './scaler.ts';
export type { Store, Values } from './store.ts';
