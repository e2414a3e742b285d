/** Which files a run cannot be exported as: refused beside the button, before anything is written. */
import { checkExport, EngineError, type TrainConfig } from '../engine/index.ts';
import { checkCluster } from '../session/cluster.ts';
import type { ExportKind } from '../session/protocol.ts';

/** Why a run of this configuration cannot be exported so; null where it can. */
export function exportObstacle(what: ExportKind, config: TrainConfig): string | null {
  try {
    if (what === 'model') checkExport(config);
    if (what === 'cluster') checkCluster({ config });
    return null;
  } catch (cause) {
    if (cause instanceof EngineError) return `${cause.message} ${cause.hint}`;
    throw cause;
  }
}
