import { expect, test } from 'vitest';
import { screenOf } from '../../../src/store/screens.ts';

test.each([
  ['/', 'story'],
  ['/?ui=still', 'story'],
  ['/?utm_source=mail&fbclid=x', 'story'],
  ['/#story', 'story'],
  ['/#text', 'text'],
  ['/#train', 'train'],
  ['/#runs', 'runs'],
  ['/#sweep', 'sweep'],
  ['/?preset=smoke#sweep', 'sweep'],
  ['/?preset=smoke#story', 'story'],
  ['/#unknown', 'story'],
  // Old links to a run carry settings and no fragment.
  ['/?preset=smoke&precision=fp16', 'train'],
  ['/?autostart=1', 'train'],
  ['/?autosave=1', 'train'],
  // What cannot be read is reported in the Lab.
  ['/?prest=smoke', 'train'],
])('%s opens %s', (address, screen) => {
  expect(screenOf(new URL(address, 'http://localhost'))).toBe(screen);
});
