import { expect, test } from 'vitest';
import {
  loadingLine,
  loadingShare,
  scoreLine,
  stoppedLine,
} from '../../../src/app/features/files/fileMessages.ts';

const progress = { name: 'a-1.safetensors', bytes: 12e6, size: 40e6, part: 1, parts: 2, resumable: true };

test('the line of a download names the file, its place, and whether it can be resumed', () => {
  expect(loadingLine(null)).toBe('Waiting for the server.');
  expect(loadingLine(progress)).toBe(
    'a-1.safetensors, file 1 of 2, 12.0 of 40.0 MB. After a break it continues where it was.',
  );
  expect(loadingLine({ ...progress, parts: 1, size: null, resumable: false })).toBe(
    'a-1.safetensors, 12.0 MB. This server sends only whole files: after a break the file starts again.',
  );
  expect(loadingLine({ ...progress, parts: 1, resumable: null })).toBe('a-1.safetensors, 12.0 of 40.0 MB.');
  expect([loadingShare(null), loadingShare(progress), loadingShare({ ...progress, size: null })]).toEqual([
    ...[null, 0.3, null],
  ]);
});

test('a cancelled download says what is kept of it', () => {
  expect(stoppedLine(null)).toBe('Nothing had arrived yet.');
  expect(stoppedLine(progress)).toContain('12.0 of 40.0 MB of a-1.safetensors are kept');
  expect(stoppedLine({ ...progress, resumable: false })).toContain('This one starts again');
});

test('a score has its tokens, loss, perplexity and mode', () => {
  expect(scoreLine({ tokens: 1200, loss: 0.0685226, perplexity: 1.070925 }, 'fp32')).toBe(
    '1,200 tokens, loss 0.068523 nats, perplexity 1.071, in FP32',
  );
});
