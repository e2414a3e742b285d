/**
 * RoPE in config.json: `rope_theta` and `rope_scaling`, or `rope_parameters`, which has both since version 5 of
 * transformers.
 */
import type { GptConfig } from '../config/gptConfig.ts';
import type { JsonObject, JsonValue } from '../core/strictJson.ts';
import { CompanionFileError, describe } from './beside.ts';

type Rope = Pick<GptConfig, 'ropeBase' | 'ropeScaling'>;

const DEFAULT_BASE = 10_000;
/** The parameters of Llama 3's scaling, in the order of the setting. */
const LLAMA3_KEYS = ['factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings'];

/** @throws CompanionFileError naming the key whose value the engine does not compute */
export function readRope(json: JsonObject): Rope {
  const { key, values } = parameters(json);
  const base = values?.get('rope_theta') ?? json.get('rope_theta') ?? DEFAULT_BASE;
  if (!isPositive(base)) {
    throw new CompanionFileError(`has rope_theta ${describe(base)}, which is not a positive number`);
  }
  return { ropeBase: base, ropeScaling: values ? scalingOf(key, values) : 'none' };
}

/** The object that describes RoPE, and its key; null where there is none. */
function parameters(json: JsonObject): { readonly key: string; readonly values: JsonObject | null } {
  for (const key of ['rope_parameters', 'rope_scaling']) {
    const values = json.get(key);
    if (values === undefined || values === null) continue;
    if (values instanceof Map) return { key, values };
    throw new CompanionFileError(`has ${key} ${describe(values)}, which is not an object`);
  }
  return { key: '', values: null };
}

function scalingOf(key: string, values: JsonObject): Rope['ropeScaling'] {
  const type = values.get('rope_type') ?? values.get('type') ?? 'default';
  const part = values.get('partial_rotary_factor') ?? 1;
  if (part !== 1) throw refused(key, `partial_rotary_factor ${describe(part)}`);
  if (type === 'default') return 'none';
  if (type !== 'llama3') throw refused(key, `rope_type ${describe(type)}`);
  const numbers = LLAMA3_KEYS.map((name) => {
    const value = values.get(name);
    if (isPositive(value)) return value;
    throw new CompanionFileError(
      value === undefined
        ? `has ${key} of rope_type "llama3" without ${name}`
        : `has ${key} with ${name} ${describe(value)}, which is not a positive number`,
    );
  });
  return `llama3:${numbers.join(':')}`;
}

function refused(key: string, what: string): CompanionFileError {
  return new CompanionFileError(
    `has ${key} with ${what}; Halfstep computes only plain RoPE ("default") and Llama 3's scaling ("llama3")`,
    {
      hint: 'Use the model as it was before its context was extended, whose config.json has no such scaling.',
    },
  );
}

function isPositive(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

/** The keys of config.json for a model's RoPE, which every version of transformers reads. */
export function ropeKeys({ ropeBase, ropeScaling }: Rope): Readonly<Record<string, unknown>> {
  const [type, ...numbers] = ropeScaling.split(':');
  const scaling =
    type === 'none'
      ? null
      : { rope_type: type, ...Object.fromEntries(LLAMA3_KEYS.map((key, i) => [key, Number(numbers[i])])) };
  return { rope_theta: ropeBase, rope_scaling: scaling };
}
