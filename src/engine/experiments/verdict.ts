/** Summarises a comparison in sentences that follow from its figures. */
import type { Comparison, ModeResult } from './comparison.ts';
import type { SpeedClock } from './speed.ts';
import { variantTitle } from './variants.ts';

/** Smaller differences do not show in three digits, so the losses are called equal. */
const EQUAL_NATS = 0.0005;

/** Returns null until there is something to compare. */
export function verdict({ modes, seeds, step, seedNoise, clock }: Comparison): string | null {
  const [reference, ...others] = modes;
  if (!reference || step === null) return null;
  const after = `After ${step} steps${seeds > 1 ? ` and over ${seeds} seeds` : ''}`;
  const compared = others.filter(({ runs }) => runs > 0);
  if (compared.length === 0) return seeds > 1 ? aloneSentence(after, reference) : null;
  const base = variantTitle(reference.mode);
  if (!reference.valLoss) {
    return `${base}, the reference, has no validation loss, so the other modes cannot be compared with it.`;
  }
  const clauses = compared.map((result) => clause(result, reference, seedNoise, clock));
  const noise =
    seedNoise === null
      ? 'Only one seed was trained, so the effect of the seed is not known.'
      : `The seed alone changes ${base} by ${seedNoise.toFixed(3)} nats.`;
  return `${after}, ${clauses.join('; ')}. ${noise}`;
}

function aloneSentence(after: string, { mode, valLoss }: ModeResult): string | null {
  if (!valLoss) return null;
  const range = `${valLoss.low.toFixed(3)} to ${valLoss.high.toFixed(3)}`;
  return `${after}, ${variantTitle(mode)} has a mean validation loss of ${valLoss.mean.toFixed(3)} nats (${range}).`;
}

function clause(
  result: ModeResult,
  reference: ModeResult,
  seedNoise: number | null,
  clock: SpeedClock,
): string {
  const name = variantTitle(result.mode);
  if (result.failed === result.runs) return `${name} had failed by then`;
  const failures = result.failed > 0 ? ` (it failed in ${result.failed} of ${result.runs} seeds)` : '';
  if (!result.valLoss || !result.lossDifference) {
    return `${name} ${result.nonFinite > 0 ? 'has no finite validation loss' : 'was not evaluated by then'}${failures}`;
  }
  const text = lossText(result.lossDifference.mean, variantTitle(reference.mode), seedNoise);
  return `${name} ${text}${speedText(result, clock)}${failures}`;
}

function lossText(difference: number, base: string, seedNoise: number | null): string {
  const size = Math.abs(difference);
  if (size < EQUAL_NATS) return `ends level with ${base}`;
  const text = `is ${size.toFixed(3)} nats ${difference > 0 ? 'worse' : 'better'} than ${base}`;
  if (seedNoise === null) return text;
  return `${text} (${size <= seedNoise ? 'within' : 'more than'} seed noise)`;
}

function speedText({ speedUp, speedFinding }: ModeResult, clock: SpeedClock): string {
  if (!speedUp || !speedFinding) return '';
  if (speedFinding === 'tooShort') return ' (too short to compare speed)';
  if (speedFinding === 'withinNoise') return ' (no speed difference beyond noise)';
  return ` at ${speedUp.mean.toFixed(2)} times its speed${clock === 'gpu' ? ' in GPU time' : ''}`;
}
