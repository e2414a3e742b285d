/** Scores a text with a model that was only opened, as `npm run evaluate` does. */
import {
  createTokenizer,
  EngineError,
  loadTokenizer,
  type ModelFile,
  type OpenGpu,
  openForwardModel,
  type Score,
  type TrainConfig,
} from '../engine/index.ts';

/**
 * @param config the model's shape and the precision mode
 * @throws EngineError BAD_VALUE when the model has no tokenizer or the text has too few tokens, and as `openForwardModel`
 */
export async function scoreText(
  { device, report }: Pick<OpenGpu, 'device' | 'report'>,
  { name, tokenizer, weights }: Pick<ModelFile, 'name' | 'tokenizer' | 'weights'>,
  config: TrainConfig,
  text: string,
): Promise<Score> {
  if (!tokenizer) {
    throw new EngineError(
      'BAD_VALUE',
      `"${name}" has no tokenizer, so that no text can be scored.`,
      'Choose its tokenizer.json together with it.',
    );
  }
  await loadTokenizer(tokenizer);
  const valuesOf = (parameter: string) => weights.read(parameter);
  const model = await openForwardModel(device, report, config, createTokenizer(tokenizer), { valuesOf });
  try {
    return await model.score(model.tokenizer.encode(text));
  } finally {
    model.destroy();
  }
}
