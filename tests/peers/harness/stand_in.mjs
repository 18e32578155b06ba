// SPDX-License-Identifier: MIT
//
// stand_in.mjs - the stand-in engine of examples/engine, which speaks the protocols of Ollama and OpenAI.
import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Program } from './program.mjs';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const binary =
  process.env.STAND_IN_ENGINE ?? path.join(repository, 'build/examples/engine/stand-in-engine');

export const standInModel = 'stand-in';

/** The URL of a running one, ended when <owner> ends. */
export async function startStandIn(owner, args = ['--delay', '0']) {
  const program = new Program(binary, ['--port', '0', ...args]);
  owner.after(async () => assert.equal(await program.stop(), 0, program.text()));
  const [, url] = await program.lineLike(/stand-in engine on (http:\/\/127\.0\.0\.1:[0-9]+)/);
  return url;
}
