import { beforeEach, expect, test } from 'vitest';
import {
  applyTextEvent,
  cancelReading,
  ownTextSource,
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
