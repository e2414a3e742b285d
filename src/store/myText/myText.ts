/** "My text": writes what is recommended for the visitor's text into the settings, and has its step measured. */
import { create } from 'zustand';

import { send, takeOwnText, takeTextFrom, train } from '../actions.ts';
import { isBusy, useRun } from '../runStore.ts';
import { useSettings } from '../settingsStore.ts';
import { type AdvisedTokenizer, adviseTokenizer, type Size } from './advice.ts';
import { epochsIn, keyOf, type MyTextPlan, planMyText, settingsFor } from './planned.ts';
import { setStepTime, useStepTimes } from './stepTimes.ts';

export { epochsIn, type MyTextPlan };

interface MyTextState {
  /** Whether the settings are those of this screen: a text was chosen here. */
  readonly active: boolean;
  /** The visitor's choice; null for the recommended size. */
  readonly size: Size | null;
  readonly tokenizer: AdvisedTokenizer | null;
}

export const useMyText = create<MyTextState>()(() => ({ active: false, size: null, tokenizer: null }));

let ids = 0;

function begin(): void {
  useMyText.setState({ active: true, size: null, tokenizer: null });
  const { settings, choose } = useSettings.getState();
  // The shortest context, so that no text is refused that the smallest size could learn.
  choose({ ...settingsFor(settings.init, 'tiny', null), text: settings.text });
}

export function takeMyText(file: File): void {
  begin();
  takeOwnText(file);
}

export function takeMyTextFrom(address: string): void {
  begin();
  takeTextFrom(address);
}

/** Uses the text that was chosen in the Lab. It is read by characters first, which tells which tokenizer suits it. */
export function takeTextOfLab(): void {
  begin();
  setUp();
}

export function chooseSize(size: Size): void {
  useMyText.setState({ size });
  setUp();
}

/** The plan of the text as it is; null while there is no text, no GPU, or another tokenizer is to be tried first. */
export function currentPlan(): MyTextPlan | null {
  const { settings, ownText } = useSettings.getState();
  const { active, size } = useMyText.getState();
  const { adapter } = useRun.getState();
  if (!active || !adapter || settings.text !== 'own' || ownText.state !== 'ready') return null;
  return planMyText({
    settings,
    facts: ownText.facts,
    chosen: size,
    isFallback: adapter.isFallback,
    times: useStepTimes.getState().times,
  });
}

/**
 * Brings the settings up to what is recommended, and measures a step of it if that was not done. Does nothing while a run is
 * training, and nothing the second time.
 */
export function setUp(): void {
  if (isBusy(useRun.getState())) return;
  const { settings, ownText, choose } = useSettings.getState();
  const { active, tokenizer } = useMyText.getState();
  if (active && ownText.state === 'ready' && tokenizer === null && settings.init === null) {
    const advised = adviseTokenizer(ownText.facts);
    useMyText.setState({ tokenizer: advised });
    if (advised.tokenizer !== 'char') {
      choose({ tokenizer: advised.tokenizer }); // the text is read again
      return;
    }
  }
  const plan = currentPlan();
  if (!plan) return;
  choose(plan.settings);
  if (plan.time === null) measure(plan);
}

function measure({ config, vocabulary, settings, size }: MyTextPlan): void {
  ids += 1;
  setStepTime(keyOf(settings.init, size, vocabulary), { state: 'measuring', id: ids });
  send({ type: 'measureStep', id: ids, config, vocabulary });
}

/** Trains what the screen shows. A measurement that is running ends first. */
export function trainMyText(): void {
  send({ type: 'cancelMeasuring' });
  train();
}
