import { useRun } from '../../../store/runStore.ts';
import { modesOf } from '../../../store/settings.ts';
import { useSettings } from '../../../store/settingsStore.ts';
import styles from './AdapterLine.module.css';
import { kernelSentence, storageSentence, usesHalf } from './adapterMessages.ts';

/** Shows which GPU computes and how it stores f16, with the reason. */
export function AdapterLine() {
  const adapter = useRun((state) => state.adapter);
  const runs = useRun((state) => state.runs);
  const settings = useSettings((state) => state.settings);
  if (!adapter) return <p className={styles.line}>Looking for a GPU…</p>;
  const planned = modesOf(settings).map((precision) => ({ precision, half: settings.f16 ?? 'auto' }));
  // Among several modes, one with f16 has a storage to report.
  const run = runs.find(({ config }) => usesHalf(config.precision)) ?? runs[0];
  const config = run?.config ?? planned.find(({ precision }) => usesHalf(precision)) ?? planned[0]!;
  return (
    <p className={styles.line}>
      <strong data-testid="adapter">{adapter.name}</strong>
      <span>{`${adapter.isFallback ? ' (software)' : ''}. `}</span>
      <span data-testid="storage">{storageSentence(adapter, config, run?.facts?.storage)}</span>
      {run?.facts && <span data-testid="kernels">{` ${kernelSentence(run.facts.kernels)}`}</span>}
    </p>
  );
}
