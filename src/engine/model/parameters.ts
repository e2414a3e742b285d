/** Parameter names, shapes and initial values, as in GPT-2 checkpoints (Conv1D layout: [in, out]). */

import { type GptConfig, paddedVocabulary } from '../config/gptConfig.ts';
import { normalAt } from '../core/rng.ts';

export interface ParameterSpec {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** Weight decay applies to matrices only (nanoGPT's grouping: two or more dimensions). */
  readonly decays: boolean;
  /** Read by matmuls, so it has a copy in the recipe's weight format where that differs from the master's. */
  readonly matmul: boolean;
  readonly init:
    | { readonly kind: 'normal'; readonly std: number }
    | { readonly kind: 'constant'; readonly value: number };
}

const STD = 0.02;

/** All parameters in checkpoint order. Vectors have one row. `wte.weight` has Vp rows; those from V on stay zero. */
export function parameterSpecs(config: GptConfig): ParameterSpec[] {
  const { layers, width: C } = config;
  const projectionStd = STD / Math.sqrt(2 * layers);
  const matrix = (name: string, rows: number, columns: number, std = STD, matmul = true): ParameterSpec => ({
    name,
    rows,
    columns,
    decays: true,
    matmul,
    init: { kind: 'normal', std },
  });
  const vector = (name: string, columns: number, value: number): ParameterSpec => ({
    name,
    rows: 1,
    columns,
    decays: false,
    matmul: false,
    init: { kind: 'constant', value },
  });
  const specs = [
    matrix('wte.weight', paddedVocabulary(config), C, STD, config.tied),
    matrix('wpe.weight', config.context, C, STD, false),
  ];
  for (let layer = 0; layer < layers; layer++) {
    const h = `h.${layer}`;
    specs.push(
      vector(`${h}.ln_1.weight`, C, 1),
      vector(`${h}.ln_1.bias`, C, 0),
      matrix(`${h}.attn.c_attn.weight`, C, 3 * C),
      vector(`${h}.attn.c_attn.bias`, 3 * C, 0),
      matrix(`${h}.attn.c_proj.weight`, C, C, projectionStd),
      vector(`${h}.attn.c_proj.bias`, C, 0),
      vector(`${h}.ln_2.weight`, C, 1),
      vector(`${h}.ln_2.bias`, C, 0),
      matrix(`${h}.mlp.c_fc.weight`, C, 4 * C),
      vector(`${h}.mlp.c_fc.bias`, 4 * C, 0),
      matrix(`${h}.mlp.c_proj.weight`, 4 * C, C, projectionStd),
      vector(`${h}.mlp.c_proj.bias`, C, 0),
    );
  }
  specs.push(vector('ln_f.weight', C, 1), vector('ln_f.bias', C, 0));
  if (!config.tied) specs.push(matrix('lm_head.weight', paddedVocabulary(config), C));
  return specs;
}

/** Name of the matrix the LM head multiplies with. */
export function headParameter(config: GptConfig): 'wte.weight' | 'lm_head.weight' {
  return config.tied ? 'wte.weight' : 'lm_head.weight';
}

/** Number of learned values; padding rows are not counted. */
export function parameterCount(config: GptConfig): number {
  const padding = (paddedVocabulary(config) - config.vocabulary) * config.width * (config.tied ? 1 : 2);
  return parameterSpecs(config).reduce((sum, spec) => sum + spec.rows * spec.columns, -padding);
}

/**
 * Initial values of one parameter, (rows, columns) f32. The same for every precision mode: they depend
 * only on the seed, the parameter's name and its shape.
 */
export function initialValues(spec: ParameterSpec, config: GptConfig, seed: number): Float32Array {
  const values = new Float32Array(spec.rows * spec.columns);
  if (spec.init.kind === 'constant') return values.fill(spec.init.value);
  const stream = hashName(spec.name, seed);
  for (let i = 0; i < learnedElements(spec, config); i++) values[i] = spec.init.std * normalAt(i, stream);
  return values;
}

/** Values of a parameter without the rows that only pad the vocabulary. */
export function learnedElements(spec: ParameterSpec, config: GptConfig): number {
  return (isVocabularyMatrix(spec.name) ? config.vocabulary : spec.rows) * spec.columns;
}

/** Whether a parameter has a row for each token, padding rows included. */
export function isVocabularyMatrix(name: string): boolean {
  return name === 'wte.weight' || name === 'lm_head.weight';
}

/** FNV-1a over the name, mixed with the seed: an independent random stream for each parameter. */
function hashName(name: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
