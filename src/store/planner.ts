/** A lazy chunk: what the engine plans with. Building a plan takes all layers of the model. */
export {
  byteLength,
  deeperLevelFor,
  fittingMicroBatch,
  largestBatch,
  memoryEstimate,
  memoryPlan,
  planLimits,
} from '../engine/index.ts';
