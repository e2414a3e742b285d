/** The kernels of the trainers that Halfstep is compared with, as peers.mjs takes them from their pages. */
import { browserBench } from '../../src/cli/browserBench.ts';
import type { TrainConfig } from '../../src/engine/index.ts';
import type { Kernel } from './rows.ts';

interface Captured {
  readonly code: string;
  /** Absent where the module has one. */
  readonly entryPoint?: string;
  readonly dispatches: number;
  readonly groups: number;
}

/** By trainer and version. @throws EngineError NO_WEBGPU when the browser or a package is missing */
export function peerKernels(config: TrainConfig): Map<string, Kernel[]> {
  const captured = browserBench<Record<string, Captured[]>>('gpu-report/peers.mjs', [JSON.stringify(config)]);
  return new Map(Object.entries(captured).map(([name, kernels]) => [name, kernels.map(kernelOf)]));
}

/** Named by its place among those of its trainer: the first has the most workgroups. */
function kernelOf({ code, entryPoint, dispatches }: Captured, index: number): Kernel {
  const name = `kernel ${String(index + 1).padStart(3, '0')}`;
  return {
    ...{ key: code, kernel: name, traits: [], targets: [], code, dispatches, flops: null, bytes: null },
    entryPoint: entryPoint ?? /@compute\b[^{;]*?\bfn\s+(\w+)/.exec(code)?.[1] ?? 'main',
  };
}
