/** The stage `saving`: measures how much a save slows training down, for each shape in the first mode. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  benchShape,
  describeRun,
  KEEP_EVERY_MS,
  measureSaving,
  type SavingCost,
  writeRun,
} from '../engine/index.ts';
import { writePiecesAtomically } from './atomicFile.ts';
import type { BenchContext, BenchResults } from './benchContext.ts';
import { formatBytes, percent } from './format.ts';
import { DEFAULT_SAVE_EVERY } from './optionTable.ts';

export async function saving(context: BenchContext, results: BenchResults): Promise<void> {
  const { device, report, print } = context;
  const precision = context.modes[0]!;
  const folder = mkdtempSync(join(tmpdir(), 'halfstep-saving-'));
  const measured: Record<string, SavingCost> = {};
  try {
    for (const name of context.shapes) {
      const cost = await results.collect(`saving ${name}`, async () => {
        const config = { ...benchShape(name), precision };
        const path = join(folder, 'run.safetensors');
        return measureSaving(device, report, config, await context.datasetOf(config), (snapshot, trainer) =>
          writePiecesAtomically(path, writeRun(snapshot, describeRun(trainer, null))),
        );
      });
      if (!cost) continue;
      measured[name] = cost;
      print(savingText(name, precision, cost));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  results.json.saving = { precision, shapes: measured };
}

/** Summarises the measurement of a shape. */
export function savingText(
  shape: string,
  precision: string,
  { pairs, msPerStep, stagingBytes }: SavingCost,
): string {
  const extra = pairs.map(({ extraMs }) => extraMs).sort((a, b) => a - b);
  const median = extra[extra.length >> 1]!;
  const how =
    stagingBytes > 0 ? `a copy of ${formatBytes(stagingBytes)} on the GPU` : 'no GPU memory for a copy';
  return [
    `${shape}, ${precision}: ${msPerStep.toFixed(1)} ms per step, ${how}`,
    `a save costs training ${median.toFixed(1)} ms (median of ${pairs.length} pairs, ${extra[0]!.toFixed(1)} to ${extra.at(-1)!.toFixed(1)})`,
    `which is ${percent(median / KEEP_EVERY_MS)} of step time with one save per minute (the page), ${percent(median / (DEFAULT_SAVE_EVERY * msPerStep))} with one every ${DEFAULT_SAVE_EVERY} steps (--save)`,
  ].join('\n');
}
