/**
 * The samples that models write, token by token. The text in progress grows outside React and is copied into the store
 * at each redraw.
 */
import type { SampledToken, SampleHeading, SessionEvent } from '../session/protocol.ts';
import { updateRun, useRun, type Writing } from './runStore.ts';

type SampleEvent = Extract<SessionEvent, { type: 'sampling' | 'sampleTokens' | 'sampled' | 'sampleRefused' }>;

let heading: { readonly run: number; readonly heading: SampleHeading } | null = null;
let tokens: SampledToken[] = [];

/** The sample in progress as of this moment, for the next redraw. */
export function writingNow(): Writing | null {
  return heading && { ...heading.heading, run: heading.run, tokens: tokens.slice() };
}

export function applySampleEvent(event: SampleEvent): void {
  switch (event.type) {
    case 'sampling':
      heading = { run: event.run, heading: event.heading };
      tokens = [];
      break;
    case 'sampleTokens':
      tokens.push(...event.tokens);
      break;
    case 'sampled': {
      endWriting();
      const samples = [...(useRun.getState().runs[event.run]?.samples ?? []), event.sample];
      updateRun(event.run, { samples });
      useRun.setState({ sampling: false, sampleError: null });
      break;
    }
    case 'sampleRefused':
      endWriting();
      useRun.setState({ sampling: false, sampleError: event.error });
      break;
  }
}

/** Ends the sample in progress, finished or not. */
export function endWriting(): void {
  heading = null;
  tokens = [];
  useRun.setState({ writing: null });
}
