import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { probeAdapter } from '../../e2e/probe-adapter.ts';
import { type FirefoxPage, openFirefoxPage } from './firefox.ts';

let server: Server;
let firefox: FirefoxPage;

beforeAll(async () => {
  server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>blank</title>');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  firefox = await openFirefoxPage(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});

afterAll(async () => {
  await firefox?.close();
  server?.close();
});

test('Firefox has an adapter with shader-f16 and without subgroups, and it computes', async () => {
  const found = await firefox.page.evaluate(probeAdapter);
  if (!found) throw new Error('no WebGPU adapter in Firefox. Run: node e2e/software-gpu/setup.mjs');
  expect(found.features).toEqual(expect.arrayContaining(['shader-f16', 'timestamp-query']));
  expect(found.features).not.toContain('subgroups');
  expect(found.tripled).toEqual([0, 3, 6, 9]);
  expect(found.f16Sum).toBe(2048);
});
