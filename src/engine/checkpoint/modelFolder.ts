/** Exports a trained model as the folder of files that Hugging Face's libraries read. */

import type { GptConfig } from '../config/gptConfig.ts';
import { gptConfig } from '../config/trainConfig.ts';
import { EngineError } from '../core/errors.ts';
import { loadTokenizer, type TokenizerJson, tokensIn } from '../data/tokenizer.ts';
import type { WeightsOfRun } from '../model/keptWeights.ts';
import { AVERAGE_PREFIX, BEST_PREFIX } from '../model/runState.ts';
import { type PlanLimits, type RunTensors, runTensors } from '../model/tensors.ts';
import { configJson } from './configJson.ts';
import { type ExportFormat, ggufTypeOf, isGgufFormat } from './exportFormats.ts';
import { exportedFamily } from './families.ts';
import { ggufPieces } from './ggufFile.ts';
import { tokenizerConfigJson, tokenizerJson } from './huggingface.ts';
import { CONFIG_KEY, HEADS_KEY, MLP_KEY, TOKENIZER_KEY } from './metadataKeys.ts';
import { type CardFacts, modelCard, type ReadFrom } from './modelCard.ts';
import { modelTensors } from './modelTensors.ts';
import { readExactly } from './randomAccess.ts';
import type { RunFile } from './runFile.ts';
import { readFloats, writeSafetensors } from './safetensors.ts';

export interface FileToWrite {
  readonly name: string;
  /** The bytes of the file in order, in pieces of any size. */
  pieces(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * Returns `model.safetensors`, `config.json`, the tokenizer's files and the model card, or one GGUF file.
 * @param valuesOf returns (rows * columns) f32 of the engine's parameter called `name`
 * @throws EngineError BAD_VALUE, as `exportedFamily` and `ggufPieces`; NOT_FINITE while the weights are written, as
 * `modelTensors`; RangeError before `loadTokenizer`
 */
export function modelFolder(
  gpt: GptConfig,
  tokenizer: TokenizerJson,
  format: ExportFormat,
  valuesOf: (name: string) => Float32Array | Promise<Float32Array>,
  facts: CardFacts | ReadFrom,
): FileToWrite[] {
  if (isGgufFormat(format)) {
    return [{ name: 'model.gguf', pieces: ggufPieces(gpt, tokenizer, ggufTypeOf(format), valuesOf) }];
  }
  const family = exportedFamily(gpt);
  const config = configJson(gpt, format, tokenizer, family);
  const metadata = {
    format: 'pt',
    ...(family === 'gpt2' && { [HEADS_KEY]: String(gpt.heads), [MLP_KEY]: gpt.mlp }),
    [CONFIG_KEY]: config,
    // A loaded tokenizer has megabytes, and its own file beside the weights.
    ...(tokenizer.kind !== 'loaded' && { [TOKENIZER_KEY]: JSON.stringify(tokenizer) }),
  };
  return [
    textFile('config.json', config),
    textFile('tokenizer.json', tokenizerJson(tokenizer)),
    textFile('tokenizer_config.json', tokenizerConfigJson(gpt.context, tokenizer)),
    textFile('README.md', modelCard(gpt, family, format, facts)),
    {
      name: 'model.safetensors',
      pieces: () => writeSafetensors(modelTensors(gpt, format, valuesOf, family), metadata),
    },
  ];
}

/**
 * Returns the folder of a saved run's model.
 * @param limits of the adapter that saved the run, because they determine how its tensors are laid out
 * @param which `average` and `best` take what a run with `emaDecay` or `keepBest` keeps
 * @throws EngineError NOT_FINITE, BAD_FILE or WRONG_MODEL while the weights are written, as {@link readMaster}; BAD_VALUE for
 * weights that the run does not keep
 */
export async function modelFolderOfRun(
  run: RunFile,
  format: ExportFormat,
  limits: PlanLimits,
  which: WeightsOfRun = 'master',
): Promise<FileToWrite[]> {
  const { config, tokenizer, text, adapter, firstLoss } = run.description;
  const { attempted: steps, best } = run.progress;
  const facts: CardFacts = {
    config,
    text: text.name,
    adapter,
    steps,
    firstLoss,
    lastLoss: null,
    valLoss: which === 'best' ? (best?.valLoss ?? null) : null,
    weights: which,
    ...(best && { best }),
  };
  return modelFolder(
    await modelOfRun(run),
    tokenizer,
    format,
    await keptWeightsOfRun(run, limits, which),
    facts,
  );
}

/** Reads the chosen weights of a saved run. Parameters that are not trained are their own copies. */
async function keptWeightsOfRun(
  run: RunFile,
  limits: PlanLimits,
  which: WeightsOfRun,
): Promise<(name: string) => Promise<Float32Array>> {
  checkKept(run, which);
  if (which !== 'average') return weightsOfRun(run, limits, which);
  const own = await weightsOfRun(run, limits);
  const { file } = run;
  return (name) => {
    const average = file.tensors.get(`${AVERAGE_PREFIX}${name}`);
    return average ? readFloats(file, average) : own(name);
  };
}

function checkKept({ description: { config }, progress }: RunFile, which: WeightsOfRun): void {
  if (which === 'average' && config.emaDecay === 0) {
    throw new EngineError(
      'BAD_VALUE',
      'The run keeps no average of its weights: its ema-decay is 0.',
      'Take its weights, or train with an ema-decay.',
    );
  }
  if (which !== 'best' || (config.keepBest && progress.best)) return;
  throw new EngineError(
    'BAD_VALUE',
    config.keepBest
      ? `The run has no best weights yet: no evaluation up to step ${progress.attempted} was finite.`
      : 'The run keeps no copy of its best weights: keep-best is off.',
    config.keepBest ? 'Take its last weights.' : 'Take its last weights, or train with keep-best.',
  );
}

export function textFile(name: string, text: string): FileToWrite {
  return { name, pieces: () => [new TextEncoder().encode(text)] };
}

/** The shape of the model that a saved run trains. */
export async function modelOfRun({ description: { config, tokenizer } }: RunFile): Promise<GptConfig> {
  await loadTokenizer(tokenizer);
  return gptConfig(config, tokensIn(tokenizer));
}

/**
 * Returns a function that reads the parameters of a saved run by name, (rows * columns) f32.
 * @param limits of the adapter that saved the run
 * @throws EngineError as {@link readMaster}, when a parameter is read
 */
export async function weightsOfRun(
  run: RunFile,
  limits: PlanLimits,
  which: 'master' | 'best' = 'master',
): Promise<(name: string) => Promise<Float32Array>> {
  const gpt = await modelOfRun(run);
  const tensors = runTensors(run.description.config, gpt.vocabulary, limits);
  return (name) => readMaster(run, tensors, name, which);
}

/**
 * Reads a parameter of a saved run at full precision; the two halves of a split master are added.
 * @param which of a run with `keepBest`; a frozen parameter has one value
 * @param tensors of the run's configuration, laid out as on the adapter that saved the run
 * @throws EngineError NOT_FINITE, BAD_FILE or WRONG_MODEL, as `readFloats`
 */
export async function readMaster(
  { file }: RunFile,
  { parameters, chunks }: Pick<RunTensors, 'parameters' | 'chunks'>,
  name: string,
  which: 'master' | 'best' = 'master',
): Promise<Float32Array> {
  const best = which === 'best' ? file.tensors.get(`${BEST_PREFIX}${name}`) : undefined;
  const values = await readFloats(file, best ?? file.tensors.get(name)!);
  const { spec, parts } = parameters.get(name)!;
  const words = new Uint32Array(values.buffer);
  for (const { chunk, master, firstRow } of parts) {
    const { low: own, bestLow } = chunks[chunk]!;
    const low = best ? bestLow : own;
    if (!low) continue;
    const at = file.tensors.get(low.name)!.offset + 2 * master.offset;
    const bytes = await readExactly(file.source, at, 2 * master.elements);
    const remainders = new Int16Array(new Uint8Array(bytes).buffer); // signed, see shaders/lib/split.wgsl
    const first = firstRow * spec.columns;
    for (let i = 0; i < remainders.length; i++) words[first + i]! += remainders[i]!;
  }
  return values;
}
