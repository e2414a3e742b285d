/** A lazy chunk: what the engine plans with. Building a plan takes all layers of the model. */
export {
  byteLength,
  deeperLevelFor,
  fittingMicroBatch,
  gptConfig,
  largestBatch,
  memoryEstimate,
  memoryPlan,
  parameterCount,
  planLimits,
} from '../engine/index.ts';
