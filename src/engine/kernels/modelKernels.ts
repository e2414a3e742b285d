/** The kernels that layers dispatch, in one value: layers get it when their operations are made, so that a plan loads none. */
import { activationForward } from './activation.ts';
import { attentionBackward, attentionForward } from './attention.ts';
import { matmul } from './matmul.ts';
import { quantizeBlocks, quantizeColumns, quantizeCurrent, quantizeDelayed } from './quantize.ts';
import {
  columnSum,
  crossEntropy,
  embeddingBackwardPosition,
  embeddingBackwardToken,
  embeddingForward,
  layernormBackward,
  layernormBackwardParameters,
  layernormForward,
  layernormRecompute,
  logitSharpness,
  lossSum,
} from './rows.ts';
import { weightGradient } from './weightGradient.ts';

export const MODEL_KERNELS = {
  ...{ attentionForward, attentionBackward, activationForward, matmul, weightGradient, columnSum },
  ...{ embeddingForward, embeddingBackwardToken, embeddingBackwardPosition },
  ...{ layernormForward, layernormRecompute, layernormBackward, layernormBackwardParameters },
  ...{ crossEntropy, logitSharpness, lossSum },
  ...{ quantizeCurrent, quantizeDelayed, quantizeBlocks, quantizeColumns },
};

export type ModelKernels = typeof MODEL_KERNELS;
