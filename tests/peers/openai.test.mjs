// SPDX-License-Identifier: MIT
//
// The `openai` client through the gateway to the stand-in engine, which speaks OpenAI's protocol too.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import OpenAI from 'openai';

import { collect } from './harness/collect.mjs';
import { startGateway } from './harness/gateway.mjs';
import { audience, startIssuer } from './harness/provider.mjs';
import { Scope, scopeOf } from './harness/scope.mjs';
import { sessionOf } from './harness/session.mjs';
import { standInModel, startStandIn } from './harness/stand_in.mjs';
import { startTap } from './harness/tap.mjs';
import { patienceMs, waitUntil, within } from './harness/wait.mjs';

const model = standInModel;
const messages = [{ role: 'user', content: 'count the grains of sand' }];
const endOfEvent = '\n\n';

function textOf(chunks) {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
}

describe('the openai client', () => {
  const scope = new Scope();
  let issuer;
  let tap;
  let gateway;
  let openai;

  function clientOf(token) {
    return new OpenAI({
      baseURL: `${gateway.url}/v1`,
      apiKey: token,
      maxRetries: 0,
      timeout: patienceMs,
    });
  }

  before(async () => {
    issuer = await startIssuer(scope);
    tap = await startTap(scope, await startStandIn(scope));
    gateway = await startGateway(scope, {
      OIDC_ISSUER: issuer.url,
      OIDC_AUD: audience,
      ENGINE_URL: tap.url,
    });
    openai = clientOf(await issuer.token());
  });
  after(() => scope.close());
  beforeEach(() =>
    tap.wires.forEach((wire) => {
      wire.sent = Buffer.alloc(0);
    }),
  );
  afterEach(() => tap.open());

  test('models: list and retrieve', async () => {
    const models = await collect(await openai.models.list());
    assert.deepEqual(
      models.map(({ id }) => id),
      [model],
    );
    assert.equal((await openai.models.retrieve(model)).object, 'model');
  });

  test('a chat completion in one piece, for the user and session of the token', async () => {
    const completion = await openai.chat.completions.create({ model, messages });
    const [{ message, finish_reason: reason }] = completion.choices;
    const userAgent = /^user-agent: (.*)\r$/im.exec(tap.sent())[1];
    assert.ok(
      message.content.includes(`You are agent-one, session ${sessionOf('agent-one', userAgent)}.`),
      message.content,
    );
    assert.ok(message.content.endsWith('You said: count the grains of sand'));
    assert.equal(reason, 'stop');
    assert.equal(
      completion.usage.total_tokens,
      completion.usage.prompt_tokens + completion.usage.completion_tokens,
    );
  });

  test('a streamed chat completion, and the chunk with its usage', async () => {
    const whole = await openai.chat.completions.create({ model, messages });
    const chunks = await collect(
      await openai.chat.completions.create({
        model,
        messages,
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    assert.equal(textOf(chunks), whole.choices[0].message.content);
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    assert.deepEqual(last.usage, whole.usage);
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
    assert.ok(chunks.every((chunk) => chunk.usage === null));
  });

  test('each chunk of a stream is with the client before the next has left the engine', async () => {
    tap.hold(endOfEvent, 1);
    const stream = (
      await within(
        openai.chat.completions.create({ model, messages, stream: true }),
        'the stream to begin',
      )
    )[Symbol.asyncIterator]();
    const chunks = [];
    for (let i = 0; i < 6; i++) {
      chunks.push(
        (await within(stream.next(), `chunk ${i}, while the engine is held before chunk ${i + 1}`))
          .value,
      );
      tap.allow(1);
    }
    assert.equal(textOf(chunks), 'This is the stand-in engine');
    tap.open();
    while (!(await within(stream.next(), 'the rest')).done);
  });

  test('the stream helper puts the same message together', async () => {
    const stream = openai.chat.completions.stream({ model, messages });
    const deltas = [];
    stream.on('content', (delta) => deltas.push(delta));
    const content = await within(stream.finalContent(), 'the whole message');
    assert.equal(deltas.join(''), content);
    assert.ok(content.endsWith('You said: count the grains of sand'));
  });

  test("max_tokens is the engine's to obey", async () => {
    const completion = await openai.chat.completions.create({ model, messages, max_tokens: 3 });
    assert.equal(completion.choices[0].message.content, 'This is the');
    assert.equal(completion.choices[0].finish_reason, 'length');
  });

  test('completions, in one piece and streamed', async () => {
    const whole = await openai.completions.create({ model, prompt: 'once upon a time' });
    assert.ok(whole.choices[0].text.endsWith('You said: once upon a time'));
    const chunks = await collect(
      await openai.completions.create({ model, prompt: 'once upon a time', stream: true }),
    );
    assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(''), whole.choices[0].text);
  });

  test('embeddings, as numbers and as base64', async () => {
    const input = ['one', 'two', 'one'];
    const numbers = await openai.embeddings.create({ model, input, encoding_format: 'float' });
    const unpacked = await openai.embeddings.create({ model, input }); // the client asks for base64 and unpacks it
    assert.match(tap.sent(), /"encoding_format":"base64"/);
    assert.deepEqual(
      numbers.data.map((item) => item.index),
      [0, 1, 2],
    );
    assert.deepEqual(numbers.data[0].embedding, numbers.data[2].embedding);
    for (const [index, { embedding }] of unpacked.data.entries()) {
      assert.deepEqual([...Float32Array.from(numbers.data[index].embedding)], [...embedding]);
    }
  });

  test('abort in the middle of a stream: the engine sees the connection close, other streams go on', async () => {
    const other = clientOf(await issuer.token({ client: 'agent-two' }));
    const ask = (client, content) =>
      client.chat.completions.create({
        model,
        messages: [{ role: 'user', content }],
        stream: true,
      });
    tap.hold(endOfEvent, 4);
    const stream = await ask(openai, 'the-leaving-one');
    const leaving = stream[Symbol.asyncIterator]();
    await within(leaving.next(), 'the first chunk');
    const staying = ask(other, 'the-staying-one');
    stream.controller.abort();
    await tap.gatewayLeft('the-leaving-one');
    await within(
      leaving.next().catch((error) => assert.equal(error.name, 'APIUserAbortError')),
      'the client to notice its own abort',
    );
    tap.open();
    assert.ok(
      textOf(await within(staying.then(collect), 'the other stream')).endsWith('the-staying-one'),
    );
  });

  test('abort before the reply begins: the engine sees the connection close', async () => {
    tap.hold(endOfEvent, 0);
    const controller = new AbortController();
    const asking = openai.chat.completions.create(
      { model, messages: [{ role: 'user', content: 'the-impatient-one' }] },
      { signal: controller.signal },
    );
    const refused = assert.rejects(asking, OpenAI.APIUserAbortError);
    await waitUntil(() => tap.sent().includes('the-impatient-one'), 'the call to reach the engine');
    controller.abort();
    await within(refused, 'the client to notice its own abort');
    await tap.gatewayLeft('the-impatient-one');
  });

  test('a bad token is an AuthenticationError with WWW-Authenticate', async () => {
    await assert.rejects(clientOf('not.a.token').models.list(), (error) => {
      assert.ok(error instanceof OpenAI.AuthenticationError);
      assert.equal(error.status, 401);
      assert.match(
        error.headers.get('www-authenticate'),
        /^Bearer realm="[^"]+", error="invalid_token"/,
      );
      assert.ok(error.headers.get('x-request-id'));
      assert.equal(error.requestID, error.headers.get('x-request-id'));
      return true;
    });
    assert.equal(tap.sent(), '');
  });

  test('an expired token is an AuthenticationError that says so', async () => {
    const token = await issuer.tokenOfThePast(120, { seconds: 10 });
    await assert.rejects(
      clientOf(token).chat.completions.create({ model, messages, stream: true }),
      (error) => {
        assert.ok(error instanceof OpenAI.AuthenticationError);
        assert.match(error.headers.get('www-authenticate'), /expired/);
        return true;
      },
    );
  });

  test('a route that is not open is a PermissionDeniedError', async () => {
    await assert.rejects(openai.files.list(), OpenAI.PermissionDeniedError);
    await assert.rejects(openai.fineTuning.jobs.list(), OpenAI.PermissionDeniedError);
    assert.equal(tap.sent(), '');
  });

  test('errors of the engine arrive as the engine said them', async () => {
    await assert.rejects(openai.models.retrieve('nobody'), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, 'model_not_found');
      return true;
    });
    await assert.rejects(openai.chat.completions.create({ model, messages: [] }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, 'messages');
      return true;
    });
  });

  test("the engine gets its own key, never the caller's token", async (t) => {
    const own = scopeOf(t);
    const token = await issuer.token();
    const keyed = await startGateway(own, {
      OIDC_ISSUER: issuer.url,
      OIDC_AUD: audience,
      ENGINE_URL: tap.url,
      ENGINE_API_KEY: 'the-engine-key',
    });
    await collect(await new OpenAI({ baseURL: `${keyed.url}/v1`, apiKey: token }).models.list());
    assert.deepEqual(tap.sent().match(/^authorization: .*(?=\r$)/gim), [
      'Authorization: Bearer the-engine-key',
    ]);
    await collect(await openai.models.list());
    assert.ok(!tap.sent().includes(token));
  });

  test('an engine that is not there is an InternalServerError, after the client has tried again', async (t) => {
    const own = scopeOf(t);
    const absent = await startTap(own, 'http://127.0.0.1:1');
    const broken = await startGateway(own, {
      OIDC_ISSUER: issuer.url,
      OIDC_AUD: audience,
      ENGINE_URL: absent.url,
    });
    const client = new OpenAI({
      baseURL: `${broken.url}/v1`,
      apiKey: await issuer.token(),
      maxRetries: 1,
    });
    await assert.rejects(client.models.list(), (error) => {
      assert.ok(error instanceof OpenAI.InternalServerError);
      assert.equal(error.status, 502);
      return true;
    });
    await waitUntil(
      () => broken.log({ message: 'request', status: 502, path: '/v1/models' }).length === 2,
      'two access lines',
    );
  });

  test("twenty streams at once, each its own user's", async () => {
    const users = ['agent-one', 'agent-two'];
    const clients = await Promise.all(
      users.map(async (user) => clientOf(await issuer.token({ client: user }))),
    );
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const content = `number-${index}`;
        const text = textOf(
          await collect(
            await clients[index % 2].chat.completions.create({
              model,
              messages: [{ role: 'user', content }],
              stream: true,
            }),
          ),
        );
        assert.ok(
          text.includes(`You are ${users[index % 2]},`) && text.endsWith(`You said: ${content}`),
          text,
        );
      }),
    );
  });
});
