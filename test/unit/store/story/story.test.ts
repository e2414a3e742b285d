/** What the story's screen calls: the replay, a live run, and what becomes of the runs that were shown before. */
import { readFileSync } from 'node:fs';
import { beforeEach, expect, test, vi } from 'vitest';
import { PRESETS } from '../../../../src/engine/config/presets.ts';
import type { PlannedRun } from '../../../../src/engine/index.ts';
import type { RunSummary, SessionCommand } from '../../../../src/session/protocol.ts';
import type { Settings } from '../../../../src/store/settings.ts';
import { record, step } from '../history/fixtures.ts';

const served = readFileSync(new URL('../../../../public/recorded-run.json', import.meta.url), 'utf8');
let answer: () => Response = () => new Response(served);
let frames: ((now: number) => void)[] = [];
let reduced = false;
vi.stubGlobal('document', { hidden: false, baseURI: 'http://page.test/', addEventListener: () => {} });
vi.stubGlobal('fetch', async () => answer());
vi.stubGlobal('requestAnimationFrame', (tick: (now: number) => void) => frames.push(tick));
vi.stubGlobal('matchMedia', () => ({ matches: reduced }));
const sent: SessionCommand[] = [];
vi.mock('../../../../src/store/actions.ts', async () => {
  const { beginRuns } = await import('../../../../src/store/runTransitions.ts');
  return {
    send: (command: SessionCommand) => sent.push(command),
    trainRuns: (runs: readonly PlannedRun[], settings: Settings) =>
      beginRuns({
        configs: runs.map(({ config }) => config),
        schedule: settings.schedule,
        startedWith: settings,
      }),
  };
});

const { logOf, useRun } = await import('../../../../src/store/runStore.ts');
const { beginRuns, gpuOpened, runEnded, runStarted, trainingCompleted, trainingStopping } = await import(
  '../../../../src/store/runTransitions.ts'
);
const { clearNumerics, useNumerics } = await import('../../../../src/store/numericsStore.ts');
const { useStory } = await import('../../../../src/store/story/storyStore.ts');
const { backToStart, enterStory, leaveStory, playRecording, runLive } = await import(
  '../../../../src/store/story/story.ts'
);
const { applyEvent } = await import('../../../../src/store/events.ts');

let now = 0;
/** Lets `milliseconds` pass in frames of `length`. */
async function pass(milliseconds: number, length = 50): Promise<void> {
  for (let end = now + milliseconds; now < end; ) {
    now += length;
    for (const tick of frames.splice(0)) tick(now);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
const loaded = () => vi.waitUntil(() => useStory.getState().phase !== 'loading', { timeout: 60_000 });
const stepsShown = () => [0, 1, 2].map((run) => logOf(run)?.length);
const trainedConfig = { ...PRESETS.smoke.config, steps: 2 };
const summary = { ...record().summary!, steps: 2 } as unknown as RunSummary;

function trainInTheLab(): void {
  beginRuns({ configs: [trainedConfig], schedule: 'sequential' });
  clearNumerics([trainedConfig]);
  logOf(0)!.push(step(1));
  runEnded(0, summary);
  trainingCompleted();
}

beforeEach(async () => {
  leaveStory();
  await pass(100);
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  [answer, frames, reduced] = [() => new Response(served), [], false];
  sent.length = 0;
  useRun.setState(useRun.getInitialState(), true);
  useStory.setState(useStory.getInitialState(), true);
  useNumerics.setState(useNumerics.getInitialState(), true);
});

test('a recording that does not load is a clear problem, leaves what was trained, and is loaded again', async () => {
  trainInTheLab();
  for (const [broken, word] of [
    [() => new Response('', { status: 404 }), 'HTTP 404'],
    [() => new Response(served.slice(0, 5000)), 'JSON'],
    [() => new Response('{"runs":[]}'), 'date'],
  ] as const) {
    answer = broken;
    await playRecording();
    expect(useStory.getState()).toMatchObject({ phase: 'failed', problem: expect.stringContaining(word) });
    expect(useRun.getState()).toMatchObject({ status: 'done', purpose: 'training' });
  }
  [answer, reduced] = [() => new Response(served), true];
  await playRecording();
  expect(useStory.getState()).toMatchObject({ phase: 'ended', problem: null });
});

test('the recording is replayed within eight seconds and ends with its figures', async () => {
  const end = playRecording();
  await loaded();
  expect(useStory.getState()).toMatchObject({ source: 'recording', phase: 'replaying' });
  expect(useStory.getState().recording?.adapter).toMatch(/./);
  await pass(4000);
  for (const steps of stepsShown()) expect(Math.abs(steps! - 150)).toBeLessThanOrEqual(3);
  expect(useRun.getState().runs[0]!.summary).toBeNull();
  await pass(4200);
  await end;
  expect(useStory.getState().phase).toBe('ended');
  expect(stepsShown()).toEqual([300, 300, 300]);
  expect(useRun.getState().runs.every((run) => run.summary)).toBe(true);
  // The title of the page says "training" by this.
  expect(useRun.getState().status).toBe('idle');
  expect(sent).toEqual([]);
});

test('where motion is reduced, the end is shown at once', async () => {
  reduced = true;
  await playRecording();
  expect(frames).toEqual([]);
  expect(stepsShown()).toEqual([300, 300, 300]);
  expect(useStory.getState().phase).toBe('ended');
});

test('a page that was hidden continues where it was', async () => {
  void playRecording();
  await loaded();
  await pass(1000);
  const before = stepsShown()[0]!;
  await pass(60_000, 60_000);
  expect(stepsShown()[0]! - before).toBeLessThan(30);
});

test('what was trained before is shown again when the story is left', async () => {
  trainInTheLab();
  const { runs, configs } = useRun.getState();
  enterStory();
  await loaded();
  await pass(500);
  expect(useRun.getState().purpose).toBe('recording');
  gpuOpened({ name: 'found meanwhile' } as never);
  leaveStory();
  expect(useRun.getState()).toMatchObject({ status: 'done', purpose: 'training', runs, configs });
  expect(useRun.getState().adapter?.name).toBe('found meanwhile');
  expect(logOf(0)?.length).toBe(1);
  await pass(9000);
  expect(logOf(0)?.length).toBe(1);
});

test('a training that starts ends the replay, and its runs stay', async () => {
  void playRecording();
  await loaded();
  await pass(500);
  trainInTheLab();
  await pass(9000);
  expect(logOf(0)?.length).toBe(1);
  leaveStory();
  expect(useRun.getState().runs).toHaveLength(1);
});

test('while the Lab trains, the recording waits and says so', async () => {
  beginRuns({ configs: [trainedConfig], schedule: 'sequential' });
  enterStory();
  await pass(200);
  expect(useStory.getState()).toMatchObject({ phase: 'loading', problem: expect.stringContaining('Lab') });
  expect(useRun.getState().purpose).toBe('training');
  trainingCompleted();
  await loaded();
  expect(useStory.getState()).toMatchObject({ phase: 'replaying', problem: null });
});

const adapter = { name: 'a GPU', isFallback: false } as never;
const numericsSent = () => sent.flatMap((command) => (command.type === 'numerics' ? [command.interval] : []));

test('a live run trains the three modes in lockstep and leaves numerics as they were', async () => {
  gpuOpened(adapter);
  useNumerics.setState({ enabled: true, interval: 33 });
  reduced = true;
  await playRecording();
  runLive();
  const { configs, schedule, startedWith } = useRun.getState();
  expect(configs.map(({ precision }) => precision)).toEqual(['fp32', 'fp16', 'fp16-noscale']);
  expect(new Set(configs.map(({ seed }) => seed)).size).toBe(1);
  expect({ schedule, preset: startedWith?.preset }).toEqual({ schedule: 'lockstep', preset: 'smoke' });
  expect(useStory.getState()).toMatchObject({ source: 'live', phase: 'preparing' });
  for (const [run, compiled] of [3, 5].entries()) applyEvent({ type: 'preparing', run, compiled, total: 9 });
  expect(useRun.getState().compiling?.compiled).toBe(5);
  expect(useRun.getState().runs.map(({ stage }) => stage)).toEqual(['compiling', 'compiling', 'waiting']);
  for (const [run, config] of configs.entries()) runStarted(run, config, record().facts as never);
  expect(useStory.getState().phase).toBe('training');
  leaveStory(); // a live run goes on
  expect(useRun.getState().status).toBe('training');
  for (const run of [0, 1, 2]) runEnded(run, summary);
  trainingCompleted();
  expect(useStory.getState()).toMatchObject({ source: 'live', phase: 'ended', problem: null });
  expect(numericsSent()).toEqual([expect.any(Number), 33]);
  expect(useNumerics.getState()).toMatchObject({ enabled: true, interval: 33 });

  backToStart();
  await loaded();
  expect(useStory.getState().source).toBe('recording');
  leaveStory();
  expect(useRun.getState().startedWith).toBe(startedWith);
  enterStory();
  expect(useStory.getState()).toMatchObject({ source: 'live', phase: 'ended' });
});

test('a choice of numerics that is made while the story trains stays', () => {
  gpuOpened(adapter);
  runLive();
  useNumerics.setState({ enabled: false, interval: 7 });
  trainingCompleted();
  expect(useNumerics.getState()).toMatchObject({ enabled: false, interval: 7 });
  expect(numericsSent()).toHaveLength(1);
});

test('a lost GPU, a stop before the first step, and no GPU at all have their outcome', async () => {
  runLive();
  expect(useStory.getState()).toMatchObject({ phase: 'loading', problem: expect.stringContaining('GPU') });
  gpuOpened(adapter);
  runLive();
  const error = { code: 'DEVICE_LOST', message: 'The GPU was lost.', hint: 'Try again.' } as const;
  applyEvent({ type: 'lost', error });
  expect(useStory.getState()).toMatchObject({ phase: 'failed', problem: 'The GPU was lost. Try again.' });
  runLive();
  expect(useStory.getState()).toMatchObject({ phase: 'preparing', problem: null });
  trainingStopping();
  applyEvent({ type: 'completed' });
  await loaded();
  expect(useStory.getState()).toMatchObject({ source: 'recording', phase: 'replaying' });
});

test('a second live run does not start beside a run of the Lab', () => {
  gpuOpened(adapter);
  beginRuns({ configs: [trainedConfig], schedule: 'sequential' });
  runLive();
  expect(useRun.getState().configs).toEqual([trainedConfig]);
  expect(useStory.getState().problem).toContain('Lab');
});
