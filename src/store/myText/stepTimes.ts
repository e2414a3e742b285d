/** How long steps take on this device, by what was measured. */
import { create } from 'zustand';
import type { ErrorReport, MeasuredStep, SessionEvent } from '../../session/protocol.ts';

export type StepTime =
  | { readonly state: 'measuring'; readonly id: number }
  | { readonly state: 'measured'; readonly result: MeasuredStep }
  | { readonly state: 'refused'; readonly error: ErrorReport };

interface StepTimes {
  /** By a key of the size and of what else decides the time of a step. */
  readonly times: Readonly<Record<string, StepTime>>;
}

export const useStepTimes = create<StepTimes>()(() => ({ times: {} }));

export function setStepTime(key: string, time: StepTime | null): void {
  useStepTimes.setState(({ times: { [key]: _, ...others } }) => ({
    times: time === null ? others : { ...others, [key]: time },
  }));
}

type StepEvent = Extract<SessionEvent, { type: 'stepMeasured' | 'stepRefused' | 'stepCancelled' }>;

/** A cancelled measurement is forgotten, so that it is made when it is needed again. */
export function applyStepTime(event: StepEvent): void {
  const { times } = useStepTimes.getState();
  const found = Object.entries(times).find(([, time]) => time.state === 'measuring' && time.id === event.id);
  if (!found) return;
  const [key] = found;
  if (event.type === 'stepMeasured') setStepTime(key, { state: 'measured', result: event.result });
  else if (event.type === 'stepRefused') setStepTime(key, { state: 'refused', error: event.error });
  else setStepTime(key, null);
}
