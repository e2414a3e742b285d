/** Reads test/fixtures/torch_decoders.json, written by scripts/make_torch_decoder_fixtures.py. */
import { readFileSync } from 'node:fs';
import {
  type GptConfig,
  type ModelKinds,
  modelKinds,
  paddedVocabulary,
} from '../../../src/engine/config/gptConfig.ts';
import type { Parameters } from '../../../src/engine/reference/model.ts';
import { type TorchFixture, type TorchTensor, valuesOf } from './torchFixture.ts';

interface StoredModel extends Pick<TorchFixture, 'loss' | 'gradNorm'> {
  readonly config: Pick<GptConfig, 'layers' | 'heads' | 'width' | 'context' | 'tied' | 'vocabulary'> &
    Partial<ModelKinds> & { readonly zLoss?: number };
  /** 2-norms of the first step's gradients. */
  readonly gradientNorms: Readonly<Record<string, number>>;
  readonly initial: Readonly<Record<string, TorchTensor>>;
}

export interface TorchDecoder extends Omit<StoredModel, 'config' | 'initial'> {
  readonly name: string;
  readonly config: GptConfig;
  readonly zLoss: number;
  /** With the padded rows of vocabulary matrices, which are zero. */
  readonly initial: Parameters;
}

type Steps = Pick<TorchFixture, 'batch' | 'steps' | 'optimizer' | 'learningRate' | 'tokens' | 'targets'>;

export function readTorchDecoders(): Steps & { readonly models: readonly TorchDecoder[] } {
  const path = new URL('../../fixtures/torch_decoders.json', import.meta.url);
  const { models, ...steps } = JSON.parse(readFileSync(path, 'utf8')) as Steps & {
    readonly models: Readonly<Record<string, StoredModel>>;
  };
  return { ...steps, models: Object.entries(models).map(([name, model]) => modelOf(name, model)) };
}

function modelOf(name: string, { config: own, initial, ...results }: StoredModel): TorchDecoder {
  const { layers, heads, width, context, tied, vocabulary, zLoss = 0 } = own;
  const config = { layers, heads, width, context, tied, vocabulary, ...modelKinds(own) };
  const padded = (name: string, tensor: TorchTensor): Float64Array => {
    const values = valuesOf(tensor);
    const isVocabulary = name === 'wte.weight' || name === 'lm_head.weight';
    const all = new Float64Array(isVocabulary ? paddedVocabulary(config) * width : values.length);
    all.set(values);
    return all;
  };
  const parameters = Object.entries(initial).map(([name, tensor]) => [name, padded(name, tensor)] as const);
  return { name, ...results, config, zLoss, initial: new Map(parameters) };
}
