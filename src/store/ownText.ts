/** The visitor's own text: where it comes from, how far it is read, and the file to train on. */
import type { SessionCommand, SessionEvent, TextSource, TextUse } from '../session/protocol.ts';
import { firstConfig } from './settings.ts';
import { type OwnText, useSettings } from './settingsStore.ts';

type TextEvent = Extract<SessionEvent, { type: 'textProgress' | 'textChecked' | 'textRefused' }>;

/** The text that was read last. A file is a handle: it is not in the store, which holds plain data. */
let source: Extract<TextSource, { kind: 'own' }> | null = null;
let reads = 0;

/** The command that reads a file; shows the text as being read. */
export function readFile(file: File): SessionCommand {
  return { type: 'checkText', id: begin(file.name), file, use: use() };
}

/** The command that loads and reads what is at `address`. */
export function readFrom(address: string): SessionCommand {
  return { type: 'loadText', id: begin(address), address, use: use() };
}

/** The command that reads the text once more, with the settings as they are; null without a text. */
export function readAgain(): SessionCommand | null {
  return source && readFile(source.file);
}

/** The command that ends the reading; null when nothing is being read. */
export function cancelReading(): SessionCommand | null {
  const { ownText } = useSettings.getState();
  if (ownText.state !== 'checking') return null;
  set({ state: 'none' });
  return { type: 'cancelText', id: ownText.id };
}

export function ownTextSource(): TextSource {
  if (!source) throw new Error('No own text was taken.'); // `obstacle` keeps Train from getting here
  return source;
}

/** What the worker says about a text; of one that was cancelled or replaced since, nothing is taken. */
export function applyTextEvent(event: TextEvent): void {
  const { ownText } = useSettings.getState();
  if (ownText.state !== 'checking' || ownText.id !== event.id) return;
  switch (event.type) {
    case 'textProgress':
      set({ ...ownText, progress: event.progress });
      break;
    case 'textChecked':
      source = { kind: 'own', id: event.id, file: event.file };
      set({ state: 'ready', facts: event.facts });
      break;
    case 'textRefused':
      set({ state: 'refused', name: ownText.name, error: event.error });
      break;
  }
}

function begin(name: string): number {
  reads += 1;
  source = null;
  useSettings.getState().choose({ text: 'own' });
  set({ state: 'checking', id: reads, name, progress: null });
  return reads;
}

function use(): TextUse {
  const { settings } = useSettings.getState();
  const { tokenizer, context } = firstConfig(settings);
  return { tokenizer, context, ...(settings.init?.tokenizer && { from: settings.init.id }) };
}

function set(ownText: OwnText): void {
  useSettings.setState({ ownText });
}
