/**
 * The samples that models write, token by token. The text in progress grows outside React and is copied into the store
 * at each redraw.
 */
import type { SampledToken, SampleHeading, SessionEvent } from '../session/protocol.ts';
import type { Writing } from './runStore.ts';
import { sampleRefused, sampleWritten } from './runTransitions.ts';

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
    case 'sampled':
      forgetWriting();
      sampleWritten(event.run, event.sample);
      break;
    case 'sampleRefused':
      forgetWriting();
      sampleRefused(event.error);
      break;
  }
}

/** Ends the sample in progress, finished or not. */
export function forgetWriting(): void {
  heading = null;
  tokens = [];
}
