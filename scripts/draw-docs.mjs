/**
 * Draws the pictures of docs/how-it-works.md into docs/pictures/. Formats and the step are drawn from their rules,
 * gradients.svg from docs/pictures/gradients.json.
 *
 *   node scripts/draw-docs.mjs
 *   node scripts/draw-docs.mjs --count    counts the gradients of public/recorded-run.json first
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { activationGradients } from './draw/counts.mjs';
import { drawFormats } from './draw/formats.mjs';
import { drawGradients } from './draw/gradients.mjs';
import { drawStep } from './draw/step.mjs';

const FOLDER = new URL('../docs/pictures/', import.meta.url);
const COUNTS = new URL('gradients.json', FOLDER);
const RECORDING = new URL('../public/recorded-run.json', import.meta.url);

const json = (url) => JSON.parse(readFileSync(url, 'utf8'));

/** The pictures by file name. */
export function pictures() {
  return {
    'formats.svg': drawFormats(),
    'step.svg': drawStep(),
    'gradients.svg': drawGradients(json(COUNTS)),
  };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  if (process.argv.includes('--count'))
    writeFileSync(COUNTS, `${JSON.stringify(activationGradients(json(RECORDING)))}\n`);
  for (const [name, svg] of Object.entries(pictures())) writeFileSync(new URL(name, FOLDER), svg);
}
