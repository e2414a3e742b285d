/** PyTorch on the CPU as an entrant of the comparison: a process of its own, with the weights and batches of the baseline's page. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('pytorch.py', import.meta.url));

/**
 * @param {string} python the Python interpreter, which has PyTorch
 * @param page of the baseline, already opened
 * @returns {Promise<{ adapter: string, version: string, train(steps: number): Promise<{ milliseconds: number, loss: number }>, close(): void }>}
 */
export async function openPyTorch(python, page, config, bf16) {
  const process = spawn(python, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  const failed = new Promise((_, reject) => {
    process.on('error', (cause) => reject(new Error(`${python} did not start: ${cause.message}`)));
  });
  const ask = async (request) => {
    process.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await Promise.race([lines.next(), failed]);
    if (done) throw new Error(`${python} ended; its messages are above. It needs PyTorch: pip install torch`);
    return JSON.parse(value);
  };
  const { layers, heads, batch, context, beta1, beta2, epsilon } = config;
  const { parameters, learningRate } = await page.evaluate(() => window.peer.start());
  const { version, threads } = await ask({
    open: { layers, heads, batch, context, beta1, beta2, epsilon, learningRate, parameters, bf16 },
  });
  let trained = 0;
  return {
    adapter: `CPU, ${threads} threads`,
    version,
    async train(steps) {
      const batches = await page.evaluate(
        ([from, count]) => window.peer.batches(from, count),
        [trained, steps],
      );
      trained += steps;
      return ask({ train: batches });
    },
    close: () => process.kill(),
  };
}
