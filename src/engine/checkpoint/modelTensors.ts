/** Writes a model's tensors as its family's class in Hugging Face's libraries saves them. */
import type { GptConfig } from '../config/gptConfig.ts';
import { DTYPE_BYTES, type ExportDtype, encodeFloats } from './dtypes.ts';
import { exportedFamily, type FamilyName } from './families.ts';
import { extract, familyTensors } from './familyTensors.ts';
import type { TensorToWrite } from './safetensors.ts';

/**
 * Vocabulary matrices are without their padding rows, and there is no LM head if it is tied to the token embedding.
 * @param valuesOf returns (rows * columns) f32 of the engine's parameter called `name`
 * @throws EngineError NOT_FINITE, while the tensors are written, naming the tensor with a value that is not finite or too
 * large for the format
 */
export function modelTensors(
  config: GptConfig,
  dtype: ExportDtype,
  valuesOf: (name: string) => Float32Array | Promise<Float32Array>,
  family: FamilyName = exportedFamily(config),
): TensorToWrite[] {
  return familyTensors(config, family).map((tensor) => ({
    name: tensor.name,
    dtype,
    shape: tensor.shape,
    async *pieces() {
      const values = extract(await valuesOf(tensor.parameter.name), tensor);
      for (let at = 0; at < values.length; at += PIECE) {
        yield encodeFloats(tensor.name, dtype, values.subarray(at, at + PIECE));
      }
    },
  }));
}

/** Numbers that are converted at a time. */
const PIECE = 2 ** 20 / DTYPE_BYTES.F32;
