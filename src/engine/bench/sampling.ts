/** Measures what the cache of keys and values saves: greedy tokens with it, and with every token computed again. */
import { gptConfig, type TrainConfig } from '../config/trainConfig.ts';
import type { Dataset } from '../data/dataset.ts';
import type { AdapterReport } from '../gpu/device.ts';
import { parameterSpecs } from '../model/decoder.ts';
import { initialValues } from '../model/parameters.ts';
import { DEFAULT_FILTER, drawToken } from '../train/drawToken.ts';
import { type ForwardModel, openForwardModel } from '../train/forwardModel.ts';

/** Tokens that are generated, if the context has as many after the first. */
const TOKENS = 256;

export interface SamplingSpeed {
  /** Generated tokens, after a prompt of one. */
  readonly tokens: number;
  readonly tokensPerSec: number;
  /** The same where the keys and values of earlier tokens are computed again for each. */
  readonly recomputedTokensPerSec: number;
  /** Whether both gave the same tokens. */
  readonly same: boolean;
  /** Bytes of weights, cache and passes on the GPU. */
  readonly bytes: number;
}

/** @throws EngineError when the adapter cannot run the configuration */
export async function measureSampling(
  device: GPUDevice,
  report: AdapterReport,
  config: TrainConfig,
  { tokenizer, train }: Pick<Dataset, 'tokenizer' | 'train'>,
): Promise<SamplingSpeed> {
  const specs = new Map(
    parameterSpecs(gptConfig(config, tokenizer.vocabulary)).map((spec) => [spec.name, spec]),
  );
  const model = await openForwardModel(device, report, config, tokenizer, {
    valuesOf: (name) => initialValues(specs.get(name)!, config.seed),
  });
  try {
    const count = Math.min(TOKENS, config.context - 1);
    const prompt = [train[0]!];
    // Compiles the passes.
    await model.nextTokenLogits([...prompt, ...prompt]);
    const cached = await greedy(model, prompt, count, false);
    const recomputed = await greedy(model, prompt, count, true);
    return {
      tokens: count,
      tokensPerSec: count / cached.seconds,
      recomputedTokensPerSec: count / recomputed.seconds,
      same: cached.ids.join() === recomputed.ids.join(),
      bytes: model.bytes,
    };
  } finally {
    model.destroy();
  }
}

async function greedy(
  model: ForwardModel,
  prompt: readonly number[],
  count: number,
  again: boolean,
): Promise<{ readonly ids: readonly number[]; readonly seconds: number }> {
  const ids = [...prompt];
  const start = performance.now();
  model.forget();
  for (let i = 0; i < count; i++) {
    if (again) model.forget();
    const logits = await model.nextTokenLogits(ids);
    ids.push(drawToken(logits, { ...DEFAULT_FILTER, temperature: 0 }, 0));
  }
  return { ids, seconds: (performance.now() - start) / 1000 };
}
