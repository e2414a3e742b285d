/**
 * Says which exports are impossible for a run, so that the reason is shown beside the button before anything is
 * written.
 */
import { EngineError, exportedFamily, type TrainConfig } from '../engine/index.ts';
import { checkCluster } from '../session/cluster.ts';
import type { ExportKind } from '../session/protocol.ts';

/** The reason why a run with this configuration cannot be exported in this form; null when it can. */
export function exportObstacle(what: ExportKind, config: TrainConfig): string | null {
  try {
    if (what === 'model') exportedFamily(config);
    if (what === 'cluster') checkCluster({ config });
    return null;
  } catch (cause) {
    if (cause instanceof EngineError) return `${cause.message} ${cause.hint}`;
    throw cause;
  }
}
