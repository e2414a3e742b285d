import { useShallow } from 'zustand/react/shallow';
import type { AdapterReport } from '../../session/protocol.ts';
import { obstacleOf } from '../../store/actions.ts';
import { memoryEstimates, microBatchThatFits, type PlanInputs, planOf } from '../../store/plan.ts';
import { useRun } from '../../store/runStore.ts';
import { type Saving, useSavedRun } from '../../store/savedRun.ts';
import { useSettings } from '../../store/settingsStore.ts';

type Chosen = Pick<ReturnType<typeof useSettings.getState>, 'settings' | 'unread' | 'ownText'>;

/** What the settings would train on this adapter. Each part is computed when it is first read, once for all who read it. */
class Plan {
  readonly chosen: Chosen;
  readonly adapter: AdapterReport | null;
  readonly saving: Saving;
  readonly #known = new Map<string, unknown>();

  constructor(chosen: Chosen, adapter: AdapterReport | null, saving: Saving) {
    this.chosen = chosen;
    this.adapter = adapter;
    this.saving = saving;
  }

  /** The reason why Train cannot start now; null when it can. */
  get obstacle(): string | null {
    return obstacleOf(this.chosen, this.#plan.problem);
  }

  /** The memory of each run; empty without a GPU and for settings that cannot be trained. */
  get memory() {
    return this.#plan.memory;
  }

  get #plan() {
    const { adapter, saving } = this;
    return this.#once('plan', () => planOf({ ...this.chosen, adapter, saving }));
  }

  /** The memory of each mode, also where the adapter does not allow it. */
  get estimates() {
    return this.#once('estimates', () => this.#inputs(memoryEstimates, []));
  }

  /** The largest micro-batch that fits, where the chosen one is too large; otherwise null. */
  get microBatch(): number | null {
    return this.#once('microBatch', () => this.#inputs(microBatchThatFits, null));
  }

  #inputs<Result>(of: (inputs: PlanInputs) => Result, none: Result): Result {
    const { adapter, saving } = this;
    return adapter ? of({ ...this.chosen, adapter, saving }) : none;
  }

  #once<Result>(name: string, compute: () => Result): Result {
    if (!this.#known.has(name)) this.#known.set(name, compute());
    return this.#known.get(name) as Result;
  }
}

let newest: Plan | null = null;

/** The plan of the settings as they are. Components that read it together compute it once. */
export function usePlan(): Plan {
  const chosen = useSettings(useShallow(({ settings, unread, ownText }) => ({ settings, unread, ownText })));
  const adapter = useRun((state) => state.adapter);
  const saving = useSavedRun(useShallow(({ stored, unreadable, every }) => ({ stored, unreadable, every })));
  const same =
    newest !== null &&
    newest.adapter === adapter &&
    isSame(newest.chosen, chosen) &&
    isSame(newest.saving, saving);
  newest = same ? newest : new Plan(chosen, adapter, saving);
  return newest!;
}

function isSame<Value extends object>(a: Value, b: Value): boolean {
  return (Object.keys(a) as (keyof Value)[]).every((key) => a[key] === b[key]);
}
