/** What a page of the comparison offers to the program that measures it (run.mjs). */
import type { TrainConfig } from '../../src/engine/index.ts';
import { initialParameters, makeTask, type Task } from './task.ts';

/** One model in training. */
export interface Learner {
  /** Queues the next step. Waits only as far as the implementation must. */
  step(tokens: Uint32Array, targets: Uint32Array): void | Promise<void>;
  /** Waits for every step queued; the last one's loss in nats. */
  finish(): Promise<number>;
}

export interface Stretch {
  readonly milliseconds: number;
  /** Of the last step. */
  readonly loss: number;
}

export interface PeerPage {
  /** Builds the model; the adapter in words. */
  open(config: TrainConfig): Promise<string>;
  /** Takes so many steps more, timed up to one final sync. */
  train(steps: number): Promise<Stretch>;
  /** What a program outside of the browser starts from: f32 in base64. */
  start(): { readonly learningRate: number; readonly parameters: readonly WrittenParameter[] };
  /** Tokens and targets of `count` steps from step `from` on, (B * T) each. */
  batches(from: number, count: number): { tokens: number[][]; targets: number[][] };
}

interface WrittenParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly base64: string;
}

declare global {
  interface Window {
    peer: PeerPage;
  }
}

/** Puts the page's one implementation in place. */
export function offer(makeLearner: (task: Task) => Promise<Learner>): void {
  let trained = 0;
  let opened: { task: Task; learner: Learner } | undefined;
  window.peer = {
    async open(config) {
      const text = await (await fetch('texts/moby-dick.txt')).text();
      const task = makeTask(config, text);
      opened = { task, learner: await makeLearner(task) };
      return adapterName();
    },
    async train(steps) {
      const { task, learner } = opened!;
      const start = performance.now();
      for (let i = 0; i < steps; i++) {
        const { tokens, targets } = task.batch(trained++);
        await learner.step(tokens, targets);
      }
      const loss = await learner.finish();
      return { milliseconds: performance.now() - start, loss };
    },
    start() {
      const { task } = opened!;
      const parameters = initialParameters(task).map(({ name, shape, values }) => ({
        ...{ name, shape },
        base64: base64Of(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
      }));
      return { learningRate: task.config.learningRate, parameters };
    },
    batches(from, count) {
      const steps = Array.from({ length: count }, (_, i) => opened!.task.batch(from + i));
      return {
        tokens: steps.map(({ tokens }) => [...tokens]),
        targets: steps.map(({ targets }) => [...targets]),
      };
    },
  };
}

function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 2 ** 15)
    text += String.fromCharCode(...bytes.subarray(at, at + 2 ** 15));
  return btoa(text);
}

async function adapterName(): Promise<string> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  const { vendor, architecture, device, description } = adapter!.info;
  return [vendor, architecture, device, description].filter((part) => part !== '').join(' ');
}
