// SPDX-License-Identifier: MIT
//
// python.mjs - h11, the HTTP/1.1 library under uvicorn and httpx, as a client and as an engine. It is Debian's module, so
// it is Debian's interpreter that runs it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { bodyOf } from './engine.mjs';
import { Program } from './program.mjs';
import { within } from './wait.mjs';

const interpreter = '/usr/bin/python3';

function script(name) {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** What h11 makes of the replies to <requests>, all over one connection to <url>. */
export async function askWithH11(url, requests) {
  const { hostname, port } = new URL(url);
  const child = spawn(interpreter, [script('h11_client.py')], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(JSON.stringify({ host: hostname, port: Number(port), requests }));
  try {
    const [output, complaints, [code]] = await within(
      Promise.all([bodyOf(child.stdout), bodyOf(child.stderr), once(child, 'close')]),
      'h11 to finish',
      60_000,
    );
    if (code !== 0) {
      throw new Error(`h11_client.py: ${complaints}`);
    }
    return JSON.parse(output);
  } finally {
    child.kill('SIGKILL');
  }
}

/** The URL of an engine made with h11, ended when <owner> ends; then it must have met nothing that h11 refuses. */
export async function startH11Engine(owner) {
  const program = new Program(interpreter, [script('h11_engine.py')]);
  owner.after(async () => {
    await program.stop();
    const faults = program.lines.filter((line) => !line.startsWith('engine on '));
    if (faults.length > 0) {
      throw new Error(`the h11 engine says: ${faults.join('\n')}`);
    }
  });
  const [, url] = await program.lineLike(/^engine on (http:.*)$/);
  return url;
}
