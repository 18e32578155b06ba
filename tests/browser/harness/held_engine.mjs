// SPDX-License-Identifier: MIT
//
// held_engine.mjs - an engine that answers when the test says so, with the words that the test says.
import http from 'node:http';

import { waitUntil, within } from '../../peers/harness/wait.mjs';

export class HeldEngine {
  /** Calls that wait for an answer: {prompt, body, reply, answer(text)}. */
  waiting = [];
  /** When set, every call is answered at once with what it gives for the prompt. */
  words = null;
  /** Calls whose caller left. */
  left = 0;

  async open(port = 0) {
    this.server = http.createServer((request, reply) => this.serve(request, reply));
    this.server.listen(port, '127.0.0.1');
    await within(
      new Promise((resolve, reject) => this.server.once('listening', resolve).once('error', reject)),
      'the held engine to listen',
    );
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
  }

  async serve(request, reply) {
    const pieces = [];
    for await (const piece of request) {
      pieces.push(piece);
    }
    reply.setHeader('content-type', 'application/json');
    if (request.url === '/api/tags') {
      reply.end(JSON.stringify({ models: [{ name: 'held' }] }));
      return;
    }
    const body = JSON.parse(Buffer.concat(pieces).toString());
    const prompt = body.messages.map((message) => message.content).join('\n');
    const call = {
      prompt,
      body,
      reply,
      answer: (text) =>
        reply.end(
          JSON.stringify({
            model: body.model,
            message: { role: 'assistant', content: text },
            done: true,
            prompt_eval_count: 3,
            eval_count: 5,
          }),
        ),
      piece: (text) =>
        reply.write(
          `${JSON.stringify({ model: body.model, message: { role: 'assistant', content: text }, done: false })}\n`,
        ),
    };
    reply.on('close', () => {
      this.left += reply.writableFinished ? 0 : 1;
    });
    if (this.words) {
      call.answer(this.words(prompt));
    } else {
      this.waiting.push(call);
    }
  }

  /** The next call that waits. */
  async next(what) {
    await waitUntil(() => this.waiting.length > 0, `a call of ${what} to the engine`);
    return this.waiting.shift();
  }

  /** As a kill: connections break, nobody listens any more. */
  async die() {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await within(closed, 'the held engine to close');
  }
}

export async function startHeldEngine(owner) {
  const engine = new HeldEngine();
  await engine.open();
  owner.after(() => engine.server.listening && engine.die());
  return engine;
}
