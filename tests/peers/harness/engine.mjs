// SPDX-License-Identifier: MIT
//
// engine.mjs - an engine on node's own HTTP server that remembers what it was asked and answers as the test says.
import { once } from 'node:events';
import http from 'node:http';

import { waitUntil, within } from './wait.mjs';

export async function bodyOf(stream) {
  const parts = [];
  for await (const part of stream) {
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Answers with <value> as JSON. */
export function replyJson(reply, status, value, headers = {}) {
  const body = Buffer.from(JSON.stringify(value));
  reply.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...headers,
  });
  reply.end(body);
}

async function replyTarget(request, reply) {
  const { length } = await bodyOf(request);
  replyJson(reply, 200, { method: request.method, target: request.url, length });
}

export class Engine {
  /** {method, target, headers, rawHeaders, left} of every request; <left> when the other side went before the end. */
  requests = [];
  faults = [];
  connections = 0;

  constructor(answer = replyTarget) {
    this.answer = answer;
    this.server = http.createServer((request, reply) => this.take(request, reply));
    this.server.on('checkContinue', (request, reply) => {
      reply.writeContinue();
      this.take(request, reply);
    });
    this.server.on('connection', () => {
      this.connections += 1;
    });
    // llhttp refuses what is not HTTP/1.1: the gateway must never write such a thing.
    this.server.on('clientError', (error, socket) => {
      if (error.code?.startsWith('HPE_') && error.code !== 'HPE_INVALID_EOF_STATE') {
        this.faults.push(error);
      }
      socket.destroy();
    });
  }

  take(request, reply) {
    const { method, url: target, headers, rawHeaders } = request;
    const seen = { method, target, headers, rawHeaders, left: false, request, reply };
    this.requests.push(seen);
    reply.on('close', () => {
      seen.left = !reply.writableFinished;
    });
    Promise.resolve(this.answer(request, reply, seen)).catch((error) => {
      if (!reply.destroyed && !request.destroyed) {
        this.faults.push(error);
      }
      reply.destroy();
    });
  }

  /** The request at <index>, once it is here. */
  async request(index) {
    return waitUntil(() => this.requests.at(index), `the engine to get request ${index}`);
  }

  async close() {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await within(closed, 'the engine to close');
    if (this.faults.length > 0) {
      throw new AggregateError(this.faults, `the engine met ${this.faults.join('; ')}`);
    }
  }
}

/** An engine that listens, closed and checked when <owner> ends. */
export async function startEngine(owner, answer) {
  const engine = new Engine(answer);
  engine.server.listen(0, '127.0.0.1');
  await within(once(engine.server, 'listening'), 'the engine to listen');
  engine.url = `http://127.0.0.1:${engine.server.address().port}`;
  owner.after(() => engine.close());
  return engine;
}
