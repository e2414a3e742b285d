/** llama.cpp, which opens GGUF files and continues prompts. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const { LLAMA_CPP } = process.env;
const PROGRAM = fileURLToPath(new URL('../../scripts/llama-cpp/greedy.mjs', import.meta.url));

export interface Asked {
  readonly path: string;
  readonly prompt: string;
  readonly count: number;
}
export interface Answer {
  readonly ids: number[];
  readonly greedy: number[];
}

/** Starts the program once for all files. */
export function llamaCpp(asked: readonly Asked[]): Answer[] {
  if (!LLAMA_CPP) throw new Error('Start it with npm run test:llama-cpp, which installs llama.cpp.');
  const input = JSON.stringify(asked);
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, LLAMA_CPP], {
    ...{ input, encoding: 'utf8' },
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`llama.cpp ended with ${status}: ${stderr}${stdout}`);
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}
