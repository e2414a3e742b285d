/** The kernels that layers dispatch. Layers receive this object when their operations are made, so that planning loads no kernel. */
import { activationForward } from './activation.ts';
import { attentionBackward, attentionForward } from './attention.ts';
import { dropoutBackward } from './dropout.ts';
import { embeddingBackwardPosition, embeddingBackwardToken, embeddingForward } from './embedding.ts';
import { matmul } from './matmul.ts';
import { quantizeBlocks, quantizeColumns, quantizeCurrent, quantizeDelayed } from './quantize.ts';
import {
  columnSum,
  crossEntropy,
  layernormBackward,
  layernormBackwardParameters,
  layernormForward,
  layernormRecompute,
  logitSharpness,
  lossSum,
} from './rows.ts';
import { weightGradient } from './weightGradient.ts';

export const MODEL_KERNELS = {
  ...{
    attentionForward,
    attentionBackward,
    activationForward,
    matmul,
    weightGradient,
    columnSum,
    dropoutBackward,
  },
  ...{ embeddingForward, embeddingBackwardToken, embeddingBackwardPosition },
  ...{ layernormForward, layernormRecompute, layernormBackward, layernormBackwardParameters },
  ...{ crossEntropy, logitSharpness, lossSum },
  ...{ quantizeCurrent, quantizeDelayed, quantizeBlocks, quantizeColumns },
};

export type ModelKernels = typeof MODEL_KERNELS;
