/** The stage `peers`: compares other trainers on the same shapes in the same browser, measured by bench/peers/run.mjs. */
import { benchShape, describeShape, type TrainConfig } from '../engine/index.ts';
import type { BenchContext, BenchResults } from './benchContext.ts';
import { browserBench } from './browserBench.ts';
import { type PeerReport, peerProblems, peerTable, ratioOf } from './peerTable.ts';

export async function peers(context: BenchContext, results: BenchResults): Promise<void> {
  const { report, print } = context;
  const shapes: Record<string, TrainConfig> = {};
  for (const name of context.shapes) {
    const shape = await results.collect(`peers ${name}`, async () => benchShape(name));
    if (shape) shapes[name] = shape;
  }
  if (Object.keys(shapes).length === 0) return;
  const job = { browser: report.isFallback ? 'lavapipe' : 'hardware', shapes, python: context.python };
  const measured = browserBench<PeerReport>('peers/run.mjs', [JSON.stringify(job)]);
  results.json.peers = {
    ...measured,
    shapes: measured.shapes.map((shape) => ({
      ...shape,
      results: shape.results.map((result) => ({ ...result, ratio: ratioOf(result) })),
    })),
  };
  // e2e/software-gpu makes lavapipe report itself as SwiftShader, which Chromium lets pages use.
  const alias = report.isFallback ? ' (lavapipe under that name)' : '';
  for (const shape of measured.shapes) {
    print(`${shape.shape}: ${describeShape(shapes[shape.shape]!)}`);
    print(`${measured.browser} on ${shape.adapter ?? 'no adapter'}${alias}`);
    print(`${peerTable(shape)}\n`);
    for (const problem of peerProblems(shape)) {
      results.problems.push(problem);
      print(problem);
    }
  }
}
