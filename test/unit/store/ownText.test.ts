import { beforeEach, expect, test } from 'vitest';
import {
  applyTextEvent,
  cancelReading,
  ownTextSource,
  readAgain,
  readFile,
  readFrom,
} from '../../../src/store/ownText.ts';
import { useSettings } from '../../../src/store/settingsStore.ts';

const facts = {
  name: 'a.txt',
  bytes: 10,
  tokens: 10,
  vocabulary: 3,
  checksum: '0',
  endMarks: 0,
  unlearned: 0,
};
const ownText = () => useSettings.getState().ownText;
const file = new File(['a'], 'a.txt');

beforeEach(() => useSettings.setState({ ownText: { state: 'none' } }));

test('a name that would turn the words behind it round is shown without that', () => {
  readFile(new File(['a'], 'a\u202etxt.exe'));
  expect(ownText()).toMatchObject({ state: 'checking', name: 'atxt.exe' });
});

test('only the latest reading counts: events of an earlier one change nothing', () => {
  const first = readFile(file);
  const second = readFrom('https://texts.example/b.txt');
  if (first.type !== 'checkText' || second.type !== 'loadText') throw new Error('wrong commands');
  applyTextEvent({ type: 'textChecked', id: first.id, facts, file });
  expect(ownText()).toMatchObject({ state: 'checking', id: second.id, name: 'https://texts.example/b.txt' });

  const progress = { stage: 'downloading', bytes: 5, size: 10 } as const;
  applyTextEvent({ type: 'textProgress', id: second.id, progress });
  expect(ownText()).toMatchObject({ state: 'checking', progress });
  applyTextEvent({ type: 'textChecked', id: second.id, facts, file });
  expect(ownText()).toEqual({ state: 'ready', facts });
  expect(ownTextSource()).toEqual({ kind: 'own', id: second.id, file });
});

test('cancelling names the reading to end, whose later events are ignored', () => {
  const command = readFile(file);
  if (command.type !== 'checkText') throw new Error('wrong command');
  expect(cancelReading()).toEqual({ type: 'cancelText', id: command.id });
  applyTextEvent({ type: 'textChecked', id: command.id, facts, file });
  expect(ownText()).toEqual({ state: 'none' });
  expect(cancelReading()).toBeNull();
  expect(() => ownTextSource()).toThrow();
});

test('a text that is being read, or was refused, is read again with new settings; a cancelled one is not', () => {
  const { choose } = useSettings.getState();
  choose({ tokenizer: 'char' });
  readFrom('https://texts.example/b.txt');
  choose({ tokenizer: 'byte' });
  const again = readAgain();
  expect(again).toMatchObject({ type: 'loadText', address: 'https://texts.example/b.txt' });
  expect(again).toMatchObject({ use: { tokenizer: 'byte' } });
  if (again?.type !== 'loadText') throw new Error('wrong command');

  const error = { code: 'BAD_TEXT', message: 'too short', hint: '' } as const;
  applyTextEvent({ type: 'textRefused', id: again.id, error });
  expect(ownText().state).toBe('refused');
  const third = readAgain();
  if (third?.type !== 'loadText') throw new Error('wrong command');
  applyTextEvent({ type: 'textChecked', id: third.id, facts, file });
  expect(readAgain()).toMatchObject({ type: 'checkText', file }); // it has arrived, and is not downloaded again
  cancelReading();
  expect(readAgain()).toBeNull();
});

test('a text is read again without being chosen again: a built-in text stays the one to train on', () => {
  readFile(file);
  useSettings.getState().choose({ text: 'moby-dick' });
  readAgain();
  expect(useSettings.getState().settings.text).toBe('moby-dick');
});
