/** Explains a jump of the loss, for the page and the terminal. */
import { formatPercent, formatPowerOfTwo } from '../core/format.ts';
import { bandsOf } from '../inspect/bands.ts';
import { gradientFormat } from '../precision/recipe.ts';
import { keepsMaster, type Recipe } from '../precision/recipes.ts';

/** A smaller share of flushed gradients is not given as the cause, because modes with loss scaling lose as much and train. */
const MATERIAL_SHARE = 0.01;

const GENTLER =
  'The loss often recovers from a single spike. If it stays high, use a lower learning rate, a longer warm-up or tighter clipping.';

/** Whether gradients are stored without a loss scale in a format with a smaller exponent range than FP32, so that small ones become zero. */
export function storesUnscaled(recipe: Recipe): boolean {
  const { normalFrom } = bandsOf(gradientFormat(recipe));
  return recipe.scaling.kind === 'none' && normalFrom > bandsOf('f32').normalFrom;
}

/** @param flushed share of the gradients that were flushed to zero after the jump; null when they were not counted */
export function spikeHint(recipe: Recipe, flushed: number | null): string {
  const sentences: string[] = [];
  if (storesUnscaled(recipe)) sentences.push(gradientSentence(recipe, flushed));
  if (recipe.unsound) {
    if (!keepsMaster(recipe) && recipe.storages.master.rounding !== 'compensated') {
      sentences.push('Weights have no FP32 copy, so updates that are too small are lost.');
    }
    sentences.push('This mode is meant to show a failure. Use fp16, which scales the loss, or bf16.');
  } else if (isMaterial(flushed)) {
    sentences.push('Use a mode with loss scaling (fp16) or with the exponent range of FP32 (bf16).');
  } else {
    sentences.push(GENTLER);
  }
  return sentences.join(' ');
}

function isMaterial(flushed: number | null): flushed is number {
  return flushed !== null && flushed >= MATERIAL_SHARE;
}

function gradientSentence(recipe: Recipe, flushed: number | null): string {
  const below = `those below ${formatPowerOfTwo(bandsOf(gradientFormat(recipe)).keptFrom)} become zero`;
  if (flushed === null) {
    return `Gradients are stored without loss scaling: ${below}. Their share was not counted; the Numerics panel of the page and the command compare report it.`;
  }
  const share = `${formatPercent(flushed)} of the gradients that matmuls and attention read`;
  return isMaterial(flushed)
    ? `Without loss scaling ${share} were flushed to zero: ${below}.`
    : `Gradients are stored without loss scaling, but only ${share} were flushed to zero.`;
}
