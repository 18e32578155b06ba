// SPDX-License-Identifier: MIT
//
// A real engine: llama.cpp loads a model file made here and generates, the gateway relays, the `openai` client reads.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import OpenAI from 'openai';

import { collect } from './harness/collect.mjs';
import { startGateway } from './harness/gateway.mjs';
import { audience, startIssuer } from './harness/provider.mjs';
import { Scope, scopeOf } from './harness/scope.mjs';
import { modelName, recitation, roundelay } from './harness/tiny_model.mjs';
import { patienceMs, waitUntil, within } from './harness/wait.mjs';

const prebuilt = process.platform === 'linux' && process.arch === 'x64';
const skip =
  !prebuilt &&
  `llama.cpp is installed here for linux-x64 only, and this is ${process.platform}-${process.arch}`;

const answer = recitation.join(' ');
const messages = [
  { role: 'system', content: 'You recite.' },
  { role: 'user', content: 'Please begin!' },
];
const endless = `go ${roundelay[0]}`;

function textOf(chunks) {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
}

describe('llama.cpp behind the gateway', { skip }, () => {
  const scope = new Scope();
  const model = modelName;
  let issuer;
  let engine;
  let llama;
  let direct;
  let openai;

  before(async () => {
    const { startLlamaEngine } = await import('./harness/llama_engine.mjs');
    issuer = await startIssuer(scope);
    ({ engine, llama } = await startLlamaEngine(scope));
    const gateway = await startGateway(scope, {
      OIDC_ISSUER: issuer.url,
      OIDC_AUD: audience,
      ENGINE_URL: engine.url,
    });
    direct = new OpenAI({
      baseURL: `${engine.url}/v1`,
      apiKey: 'none',
      maxRetries: 0,
      timeout: patienceMs,
    });
    openai = new OpenAI({
      baseURL: `${gateway.url}/v1`,
      apiKey: await issuer.token(),
      maxRetries: 0,
      timeout: patienceMs,
    });
  });
  after(() => scope.close());
  afterEach(() => {
    llama.beforeToken = async () => {};
  });

  test('the model is listed', async () => {
    assert.deepEqual(
      (await collect(await openai.models.list())).map(({ id }) => id),
      [model],
    );
  });

  test('the model says what its weights make it say', async () => {
    const completion = await openai.chat.completions.create({ model, messages });
    assert.equal(completion.choices[0].message.content.trim(), answer);
    assert.equal(completion.choices[0].finish_reason, 'stop');
    assert.equal(completion.usage.completion_tokens, recitation.length);
    assert.deepEqual(
      completion.choices,
      (await direct.chat.completions.create({ model, messages })).choices,
    );
  });

  test('a streamed chat comes token by token', async () => {
    const chunks = await collect(
      await openai.chat.completions.create({
        model,
        messages,
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    assert.equal(textOf(chunks).trim(), answer);
    assert.equal(
      chunks.filter((chunk) => chunk.choices[0]?.delta.content).length,
      recitation.length,
    );
    assert.equal(chunks.at(-2).choices[0].finish_reason, 'stop');
    assert.equal(chunks.at(-1).usage.completion_tokens, recitation.length);
  });

  test('each token is with the client before the next is made', async () => {
    const permits = [];
    llama.beforeToken = () => new Promise((resolve) => permits.push(resolve));
    const stream = (
      await within(
        openai.chat.completions.create({ model, messages, stream: true }),
        'the stream to begin',
      )
    )[Symbol.asyncIterator]();
    let text = '';
    for (let i = 0; i < recitation.length; i++) {
      const { value } = await within(stream.next(), `token ${i}, before token ${i + 1} is made`);
      text += value.choices[0].delta.content;
      assert.equal(text.trim(), recitation.slice(0, i + 1).join(' '));
      assert.equal(llama.calls.at(-1).tokens, i + 1);
      (await waitUntil(() => permits.shift(), 'the engine to ask for the next token'))();
    }
    while (!(await within(stream.next(), 'the end')).done);
  });

  test('a text completion that goes on until max_tokens', async () => {
    const completion = await openai.completions.create({ model, prompt: endless, max_tokens: 100 });
    const words = completion.choices[0].text.trim().split(' ');
    assert.equal(words.length, 100);
    words.forEach((word, index) => assert.equal(word, roundelay[(index + 1) % roundelay.length]));
    assert.equal(completion.choices[0].finish_reason, 'length');
  });

  test('a client that leaves stops the generation', async () => {
    llama.beforeToken = async (call) => {
      await new Promise(setImmediate); // the server's own loop must turn to see anybody leave
      assert.ok(call.tokens < 100_000, 'nobody stopped the engine');
    };
    const stream = await openai.completions.create({
      model,
      prompt: endless,
      max_tokens: 1_000_000,
      stream: true,
    });
    const chunks = stream[Symbol.asyncIterator]();
    await within(chunks.next(), 'the first token');
    const call = llama.calls.at(-1);
    stream.controller.abort();
    await waitUntil(() => call.stopped, 'llama.cpp to stop');
  });

  test('four conversations at once', async () => {
    const all = await Promise.all(
      Array.from({ length: 4 }, async () =>
        collect(await openai.chat.completions.create({ model, messages, stream: true })),
      ),
    );
    assert.deepEqual(
      all.map((chunks) => textOf(chunks).trim()),
      Array(4).fill(answer),
    );
  });

  test('embeddings are the same as without the gateway', async () => {
    const input = ['one two three', 'the-ring'];
    const { data } = await openai.embeddings.create({ model, input });
    assert.deepEqual(data, (await direct.embeddings.create({ model, input })).data);
    assert.notDeepEqual(data[0].embedding, data[1].embedding);
    assert.ok(data[0].embedding.some((value) => value !== 0));
  });

  test('ENGINE_API=openai: the quick-start call is answered by llama.cpp', async (t) => {
    const own = scopeOf(t);
    const gateway = await startGateway(own, {
      OIDC_ISSUER: issuer.url,
      OIDC_AUD: audience,
      ENGINE_URL: engine.url,
      ENGINE_API: 'openai',
    });
    const reply = await fetch(`${gateway.url}/api/chat`, {
      method: 'POST',
      signal: AbortSignal.timeout(patienceMs),
      headers: { authorization: `Bearer ${await issuer.token()}` },
      body: Buffer.from(JSON.stringify({ model, prompt: 'Please begin!' })),
    });
    assert.equal(reply.status, 200);
    assert.equal((await reply.json()).choices[0].message.content.trim(), answer);
    assert.equal(engine.requests.at(-1).target, '/v1/chat/completions');
  });
});
