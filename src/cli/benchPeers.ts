/** The stage `peers`: other trainers on the same shapes in the same browser. bench/peers/run.mjs does the measuring. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { benchShape, describeShape } from '../engine/bench/shapes.ts';
import { EngineError } from '../engine/errors.ts';
import type { TrainConfig } from '../engine/index.ts';
import type { BenchContext, BenchResults } from './benchContext.ts';
import { type PeerReport, peerProblems, peerTable, ratioOf } from './peerTable.ts';

export async function peers(context: BenchContext, results: BenchResults): Promise<void> {
  const { report, print } = context;
  const shapes: Record<string, TrainConfig> = {};
  for (const name of context.shapes) {
    const shape = await results.collect(`peers ${name}`, async () => benchShape(name));
    if (shape) shapes[name] = shape;
  }
  if (Object.keys(shapes).length === 0) return;
  const measured = measure({ browser: report.isFallback ? 'lavapipe' : 'hardware', shapes });
  results.json.peers = {
    ...measured,
    shapes: measured.shapes.map((shape) => ({
      ...shape,
      results: shape.results.map((result) => ({ ...result, ratio: ratioOf(result) })),
    })),
  };
  // e2e/software-gpu has lavapipe give itself out as SwiftShader, which Chromium lets pages use.
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

/** Starts the measuring program, which says on standard error how far it is. */
function measure(job: { browser: string; shapes: Record<string, TrainConfig> }): PeerReport {
  // The command is dist/cli/bench.js of the repository.
  const script = join(dirname(process.argv[1]!), '../../bench/peers/run.mjs');
  if (!existsSync(script)) {
    throw new EngineError(
      'NO_WEBGPU',
      'The comparison with other trainers needs a browser and their packages, which are not here.',
      'Run npm ci and npm run bench -- --only peers in the repository.',
    );
  }
  const { status, stdout } = spawnSync(process.execPath, [script, JSON.stringify(job)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status === 0) return JSON.parse(stdout) as PeerReport;
  throw new EngineError(
    'NO_WEBGPU',
    `The comparison in the browser ended with exit code ${status}; what it said is above.`,
    'It needs the development packages (npm ci) and a Chromium (node e2e/software-gpu/setup.mjs).',
  );
}
