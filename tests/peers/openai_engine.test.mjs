// SPDX-License-Identifier: MIT
//
// ENGINE_API=openai: an engine that has OpenAI's routes and no /api/chat answers the quick-start call all the same.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { bodyOf, replyJson, startEngine } from './harness/engine.mjs';
import { startGateway } from './harness/gateway.mjs';
import { audience, startIssuer } from './harness/provider.mjs';
import { Scope } from './harness/scope.mjs';
import { patienceMs } from './harness/wait.mjs';

/** Strict as such engines are: one route, JSON only, messages must be there. */
async function answer(request, reply, seen) {
  const bytes = await bodyOf(request);
  const refuse = (status, message) => replyJson(reply, status, { error: { message } });
  if (request.method !== 'POST' || request.url !== '/v1/chat/completions') {
    return refuse(404, `no ${request.method} ${request.url} here`);
  }
  if (request.headers['content-type'] !== 'application/json') {
    return refuse(415, `content-type is ${request.headers['content-type']}`);
  }
  seen.body = JSON.parse(bytes);
  if (!Array.isArray(seen.body.messages)) {
    return refuse(422, 'messages are missing');
  }
  const { content } = seen.body.messages.at(-1);
  if (!seen.body.stream) {
    return replyJson(reply, 200, {
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    });
  }
  reply.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const word of content.split(' ')) {
    reply.write(
      `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: word } }] })}\n\n`,
    );
  }
  return reply.end('data: [DONE]\n\n');
}

describe("an engine that only speaks OpenAI's protocol", () => {
  const scope = new Scope();
  let engine;
  let gateway;
  let token;

  before(async () => {
    const issuer = await startIssuer(scope);
    engine = await startEngine(scope, answer);
    gateway = await startGateway(scope, {
      OIDC_ISSUER: issuer.url,
      OIDC_AUD: audience,
      ENGINE_URL: engine.url,
      ENGINE_API: 'openai',
    });
    token = await issuer.token();
  });
  after(() => scope.close());

  function post(path, body, headers = {}) {
    return fetch(gateway.url + path, {
      method: 'POST',
      signal: AbortSignal.timeout(patienceMs),
      headers: { authorization: `Bearer ${token}`, ...headers },
      body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    });
  }

  test('the quick-start call: `prompt`, without Content-Type', async () => {
    const reply = await post('/api/chat', {
      model: 'tinyllama',
      prompt: 'hello "there"',
      temperature: 0.5,
    });
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get('content-type'), 'application/json');
    assert.equal((await reply.json()).choices[0].message.content, 'hello "there"');
    assert.deepEqual(engine.requests.at(-1).body, {
      model: 'tinyllama',
      messages: [{ role: 'user', content: 'hello "there"' }],
      temperature: 0.5,
    });
  });

  test('`messages` go as they are', async () => {
    const messages = [
      { role: 'system', content: 'be short' },
      { role: 'user', content: 'hello' },
    ];
    const reply = await post(
      '/api/chat',
      { model: 'tinyllama', messages },
      { 'content-type': 'application/json' },
    );
    assert.equal((await reply.json()).choices[0].message.content, 'hello');
    assert.deepEqual(engine.requests.at(-1).body.messages, messages);
  });

  test('a stream is a stream of events', async () => {
    const reply = await post('/api/chat', {
      model: 'tinyllama',
      prompt: 'one two three',
      stream: true,
    });
    assert.equal(reply.headers.get('content-type'), 'text/event-stream');
    const events = (await reply.text())
      .split('\n\n')
      .filter(Boolean)
      .map((event) => event.replace(/^data: /, ''));
    assert.equal(events.pop(), '[DONE]');
    assert.deepEqual(
      events.map((event) => JSON.parse(event).choices[0].delta.content),
      ['one', 'two', 'three'],
    );
  });

  test("the engine's own route works too", async () => {
    const reply = await post(
      '/v1/chat/completions',
      { messages: [{ role: 'user', content: 'hello' }] },
      { 'content-type': 'application/json' },
    );
    assert.equal((await reply.json()).choices[0].message.content, 'hello');
  });

  test("the engine's refusal keeps its status and its words", async () => {
    const reply = await post('/api/chat', { model: 'tinyllama' });
    assert.equal(reply.status, 422);
    assert.deepEqual(await reply.json(), { error: { message: 'messages are missing' } });
  });

  test('only POST /api/chat is led elsewhere', async () => {
    const reply = await post('/api/generate', { model: 'tinyllama', prompt: 'hello' });
    assert.equal(reply.status, 404);
    assert.deepEqual(await reply.json(), { error: { message: 'no POST /api/generate here' } });
  });

  test('a body that is not JSON gets no further', async () => {
    const before = engine.requests.length;
    const reply = await post('/api/chat', '{"model": ');
    assert.equal(reply.status, 400);
    assert.deepEqual(await reply.json(), { detail: 'Body must be valid JSON' });
    assert.equal(engine.requests.length, before);
  });
});
