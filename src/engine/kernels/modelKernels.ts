/** The kernels that layers dispatch. Layers receive this object when their operations are made, so that planning loads no kernel. */
import { activationForward, gatedForward } from './activation.ts';
import { attentionBackward, attentionForward } from './attention.ts';
import { cachedAttention } from './cachedAttention.ts';
import { dropoutBackward } from './dropout.ts';
import { embeddingBackwardPosition, embeddingBackwardToken, embeddingForward } from './embedding.ts';
import { matmul } from './matmul.ts';
import { splitOutliers } from './outliers.ts';
import { quantizeBlocks, quantizeColumns, quantizeCurrent, quantizeDelayed } from './quantize.ts';
import { queryKeyBackward, queryKeyForward, queryKeyGains } from './queryKey.ts';
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
import { scaleChannels } from './scaleChannels.ts';
import { smoothScales } from './smoothScales.ts';
import { weightGradient } from './weightGradient.ts';

export const MODEL_KERNELS = {
  ...{ attentionForward, attentionBackward, cachedAttention, dropoutBackward },
  ...{ matmul, weightGradient, columnSum },
  ...{ queryKeyForward, queryKeyBackward, queryKeyGains },
  ...{ activationForward, gatedForward, smoothScales, scaleChannels },
  ...{ embeddingForward, embeddingBackwardToken, embeddingBackwardPosition },
  ...{ layernormForward, layernormRecompute, layernormBackward, layernormBackwardParameters },
  ...{ crossEntropy, logitSharpness, lossSum },
  ...{ splitOutliers },
  ...{ quantizeCurrent, quantizeDelayed, quantizeBlocks, quantizeColumns },
};

export type ModelKernels = typeof MODEL_KERNELS;
