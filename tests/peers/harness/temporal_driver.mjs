// SPDX-License-Identifier: MIT
//
// temporal_driver.mjs - the gateway's Temporal client alone, in a program of its own (tests/unit/a2a/temporal_driver.c).
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { within } from './wait.mjs';

const binary =
  process.env.TEMPORAL_DRIVER ??
  fileURLToPath(new URL('../../../build/tests/unit/a2a/temporal-driver', import.meta.url));

/** {outcome, cancel(), kill()}; <outcome> is a promise of {end, message, run, result}. */
export function startDriver(
  owner,
  address,
  { taskId, type = 'ProcessChat', input = [], timeoutMs = 30_000, tls = null },
) {
  const args = [address, 'default', taskId, type, JSON.stringify(input), String(timeoutMs)];
  const child = spawn(binary, tls ? [...args, tls.caFile, tls.apiKey] : args, {
    env: {},
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  child.stdin.on('error', () => {}); // it may have ended
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  ended.catch(() => {});
  owner.after(() => child.kill('SIGKILL'));
  const outcome = async () => {
    const { code } = await within(ended, `the driver to end: ${said}`, 40_000);
    if (code !== 0) {
      throw new Error(`the driver ended with ${code}: ${said}`);
    }
    return JSON.parse(output);
  };
  return {
    outcome: outcome(),
    cancel: () => child.stdin.write('cancel\n'),
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
