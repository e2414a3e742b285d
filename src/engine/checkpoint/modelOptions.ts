/** The options of config.json that change what a model computes, and that the engine does not compute: each is refused by name. */
import type { JsonObject, JsonValue } from '../core/strictJson.ts';
import { CompanionFileError, describe } from './beside.ts';
import type { FamilyName } from './families.ts';

interface OptionRow {
  readonly key: string;
  readonly allowed: readonly JsonValue[];
  /** What the user can do about another value. */
  readonly hint?: string;
}

const EXPERTS = 'A mixture of experts has other layers. Use a dense model of the family.';

/** An absent key is allowed. */
const OPTIONS: readonly OptionRow[] = [
  { key: 'scale_attn_weights', allowed: [true] },
  { key: 'scale_attn_by_inverse_layer_idx', allowed: [false] },
  { key: 'add_cross_attention', allowed: [false] },
  { key: 'is_encoder_decoder', allowed: [false] },
  {
    key: 'quantization_config',
    allowed: [null],
    hint: 'Load it in transformers, call model.dequantize(), and save it again.',
  },
  { key: 'partial_rotary_factor', allowed: [null, 1] },
  ...['num_experts', 'num_local_experts', 'n_routed_experts'].map((key) => ({
    key,
    allowed: [null, 0],
    hint: EXPERTS,
  })),
];

const NO_FIX = 'Halfstep would compute another model from these weights. Use a model without this option.';

/** @throws CompanionFileError naming the option */
export function refuseOptions(json: JsonObject, family: FamilyName): void {
  for (const { key, allowed, hint } of OPTIONS) {
    const value = json.get(key);
    if (value === undefined || allowed.includes(value)) continue;
    throw new CompanionFileError(
      `has ${key} ${describe(value)}; Halfstep trains only ${allowed.join(' or ')}`,
      { hint: hint ?? NO_FIX },
    );
  }
  refuseLayerTypes(json);
  refuseWindow(json, family);
}

function refuseLayerTypes(json: JsonObject): void {
  const types = json.get('layer_types');
  if (!Array.isArray(types)) return;
  const other = (types as readonly JsonValue[]).find(
    (type) => type !== 'full_attention' && type !== 'sliding_attention',
  );
  if (other === undefined) return;
  throw new CompanionFileError(
    `has layer_types with ${describe(other)}; Halfstep trains only full_attention`,
    { hint: NO_FIX },
  );
}

/** A window as wide as the context changes nothing. */
function refuseWindow(json: JsonObject, family: FamilyName): void {
  const window = windowOf(json, family);
  const context = json.get('max_position_embeddings');
  if (window === null || (typeof context === 'number' && typeof window === 'number' && window >= context)) {
    return;
  }
  throw new CompanionFileError(
    `has sliding_window ${describe(window)} in a context (max_position_embeddings) of ${describe(context)}; Halfstep has full attention only`,
    {
      hint: `Up to ${describe(window)} tokens both are the same: set max_position_embeddings to at most that in config.json.`,
    },
  );
}

/** The width of the window; null where the class uses none. */
function windowOf(json: JsonObject, family: FamilyName): JsonValue {
  const window = json.get('sliding_window');
  if (family === 'mistral') return window === undefined ? MISTRAL_WINDOW : window;
  const used = (family === 'qwen2' || family === 'qwen3') && json.get('use_sliding_window') === true;
  return used ? (window ?? QWEN_WINDOW) : null;
}

/** The defaults of these classes for a key that is left out. */
const MISTRAL_WINDOW = 4096;
const QWEN_WINDOW = 4096;
