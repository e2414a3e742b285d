/**
 * Says which exports are impossible for a run, so that the reason is shown beside the button before anything is
 * written.
 */
import {
  EngineError,
  type ExportFormat,
  exportedFamily,
  FAMILIES,
  ggufFamily,
  isGgufFormat,
  type TrainConfig,
} from '../engine/index.ts';
import { checkCluster } from '../session/cluster.ts';
import type { ExportKind } from '../session/protocol.ts';

/** The reason why a run with this configuration cannot be exported in this form; null when it can. */
export function exportObstacle(
  what: ExportKind,
  config: TrainConfig,
  format: ExportFormat = 'F32',
): string | null {
  try {
    if (what === 'model') familyIn(config, format);
    if (what === 'cluster') checkCluster({ config });
    return null;
  } catch (cause) {
    if (cause instanceof EngineError) return `${cause.message} ${cause.hint}`;
    throw cause;
  }
}

/** The class of Hugging Face's libraries that a model is exported as. @throws EngineError where there is none */
export function exportedClass(config: TrainConfig): string {
  return FAMILIES[exportedFamily(config)].architecture;
}

function familyIn(config: TrainConfig, format: ExportFormat): void {
  if (isGgufFormat(format)) ggufFamily(config);
  else exportedFamily(config);
}
