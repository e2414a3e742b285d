import { test } from 'vitest';
import { compareTraining } from './training.ts';

test('smoke in fp16 trains on matrix units as it does without', () => compareTraining('smoke', {}));
