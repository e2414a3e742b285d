/** The visitor's own text: its source, the reading progress, and the file to train on. */
import type { SessionCommand, SessionEvent, TextSource, TextUse } from '../session/protocol.ts';
import { plainlyNamed } from './plainName.ts';
import { firstConfig } from './settings.ts';
import { type OwnText, useSettings } from './settingsStore.ts';

type TextEvent = Extract<SessionEvent, { type: 'textProgress' | 'textChecked' | 'textRefused' }>;

/** What is read, or was read last: a file, or an address. Files are handles, so it is kept outside the store, which holds plain data. */
let chosen: File | string | null = null;
let source: Extract<TextSource, { kind: 'own' }> | null = null;
let reads = 0;

/** Shows the text as being read and returns the command that reads the file. */
export function readFile(file: File): SessionCommand {
  useSettings.getState().choose({ text: 'own' });
  return read(plainlyNamed(file));
}

/** The command that downloads and reads the text at `address`. */
export function readFrom(address: string): SessionCommand {
  useSettings.getState().choose({ text: 'own' });
  return read(address);
}

/**
 * The command that reads the text again with the current settings, also one that is being read or was refused; null without
 * a text. A text from an address is downloaded again only if it did not arrive before.
 */
export function readAgain(): SessionCommand | null {
  return chosen === null ? null : read(chosen);
}

/** The command that cancels the reading; null when nothing is being read. */
export function cancelReading(): SessionCommand | null {
  const { ownText } = useSettings.getState();
  if (ownText.state !== 'checking') return null;
  chosen = null;
  set({ state: 'none' });
  return { type: 'cancelText', id: ownText.id };
}

export function ownTextSource(): TextSource {
  if (!source) throw new Error('No own text was taken.'); // `obstacle` prevents Train from getting here
  return source;
}

/** Applies the worker's events about a text. Events about a text that was cancelled or replaced are ignored. */
export function applyTextEvent(event: TextEvent): void {
  const { ownText } = useSettings.getState();
  if (ownText.state !== 'checking' || ownText.id !== event.id) return;
  switch (event.type) {
    case 'textProgress':
      set({ ...ownText, progress: event.progress });
      break;
    case 'textChecked':
      chosen = event.file;
      source = { kind: 'own', id: event.id, file: event.file };
      set({ state: 'ready', facts: event.facts });
      break;
    case 'textRefused':
      set({ state: 'refused', name: ownText.name, error: event.error });
      break;
  }
}

function read(text: File | string): SessionCommand {
  reads += 1;
  chosen = text;
  source = null;
  const name = typeof text === 'string' ? text : text.name;
  set({ state: 'checking', id: reads, name, progress: null });
  return typeof text === 'string'
    ? { type: 'loadText', id: reads, address: text, use: use() }
    : { type: 'checkText', id: reads, file: text, use: use() };
}

function use(): TextUse {
  const { settings } = useSettings.getState();
  const { tokenizer, context } = firstConfig(settings);
  return { tokenizer, context, ...(settings.init?.tokenizer && { from: settings.init.id }) };
}

function set(ownText: OwnText): void {
  useSettings.setState({ ownText });
}
