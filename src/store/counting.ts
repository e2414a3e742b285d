/** Counts gradients as runs of the page's own need it, whatever the visitor chose. */
import { send } from './actions.ts';
import { useNumerics } from './numericsStore.ts';

/**
 * Counts exponents every `interval` steps from the next step on, without noise; null counts none, so that speeds are those
 * of the training alone.
 * @returns restores the visitor's choice, unless it was changed meanwhile
 */
export function countEvery(interval: number | null): () => void {
  const chosen = useNumerics.getState();
  const counting = { enabled: interval !== null, interval: interval ?? chosen.interval };
  useNumerics.setState(counting);
  send({ type: 'numerics', interval, ...(interval !== null && { noise: false }) });
  return () => {
    const now = useNumerics.getState();
    if (now.enabled !== counting.enabled || now.interval !== counting.interval) return;
    useNumerics.setState({ enabled: chosen.enabled, interval: chosen.interval });
    send({ type: 'numerics', interval: chosen.enabled ? chosen.interval : null });
  };
}
