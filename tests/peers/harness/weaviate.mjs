// SPDX-License-Identifier: MIT
//
// weaviate.mjs - Weaviate's stand-in of tests/weaviate/, or the real one that WEAVIATE_URL names.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { within } from './wait.mjs';

const interpreter = '/usr/bin/python3';
const script = fileURLToPath(new URL('../../weaviate/server.py', import.meta.url));

/** {url, apiKey}; ended with <owner>. */
export async function startWeaviate(owner) {
  if (process.env.WEAVIATE_URL) {
    return { url: process.env.WEAVIATE_URL, apiKey: process.env.WEAVIATE_API_KEY ?? '' };
  }
  const apiKey = 'key-of-peers';
  const child = spawn(interpreter, ['-B', script, '--api-key', apiKey], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  process.on('exit', () => child.kill('SIGKILL'));
  const ended = once(child, 'close');
  owner.after(async () => {
    child.stdin.end();
    await within(ended, 'the stand-in for Weaviate to end');
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await within(once(lines, 'line'), 'the stand-in for Weaviate to listen');
  const [, port] = /^port ([0-9]+)$/.exec(line);
  return { url: `http://127.0.0.1:${port}`, apiKey };
}
