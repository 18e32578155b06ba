// SPDX-License-Identifier: MIT
//
// The `ollama` client through the gateway to the stand-in engine, which speaks Ollama's protocol.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { Ollama } from 'ollama';

import { collect } from './harness/collect.mjs';
import { startGateway } from './harness/gateway.mjs';
import { audience, startIssuer } from './harness/provider.mjs';
import { Scope } from './harness/scope.mjs';
import { sessionOf } from './harness/session.mjs';
import { standInModel, startStandIn } from './harness/stand_in.mjs';
import { startTap } from './harness/tap.mjs';
import { patienceMs, within } from './harness/wait.mjs';

const model = standInModel;
const messages = [{ role: 'user', content: 'count the grains of sand' }];
const endOfLine = '}\n';

function fetchInTime(url, options) {
  const signals = [AbortSignal.timeout(patienceMs), ...(options.signal ? [options.signal] : [])];
  return fetch(url, { ...options, signal: AbortSignal.any(signals) });
}

describe('the ollama client', () => {
  const scope = new Scope();
  let issuer;
  let tap;
  let gateway;
  let ollama;

  /** A client of its own: abort() of one ends all its streams. */
  function clientOf(token, headers = {}) {
    return new Ollama({
      host: gateway.url,
      headers: { Authorization: `Bearer ${token}`, ...headers },
      fetch: fetchInTime,
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
    ollama = clientOf(await issuer.token());
  });
  after(() => scope.close());
  beforeEach(() =>
    tap.wires.forEach((wire) => {
      wire.sent = Buffer.alloc(0);
    }),
  );
  afterEach(() => tap.open());

  test('list, show, ps and version', async () => {
    const { models } = await ollama.list();
    assert.deepEqual(
      models.map(({ name }) => name),
      [model],
    );
    assert.ok((await ollama.show({ model })).capabilities.includes('completion'));
    assert.equal((await ollama.ps()).models[0].name, model);
    assert.match((await ollama.version()).version, /^[0-9]+\./);
  });

  test('a chat in one piece, for the user and session of the token', async () => {
    const reply = await ollama.chat({ model, messages });
    const userAgent = /^user-agent: (.*)\r$/im.exec(tap.sent())[1];
    assert.match(userAgent, /^ollama-js\//);
    assert.equal(reply.done, true);
    assert.ok(
      reply.message.content.includes(
        `You are agent-one, session ${sessionOf('agent-one', userAgent)}.`,
      ),
      reply.message.content,
    );
    assert.ok(reply.message.content.endsWith('You said: count the grains of sand'));
    assert.ok(reply.eval_count > 0 && reply.prompt_eval_count > 0);
  });

  test('a streamed chat says the same as one in one piece', async () => {
    const whole = await ollama.chat({ model, messages });
    const parts = await collect(await ollama.chat({ model, messages, stream: true }));
    assert.ok(parts.length > 10);
    assert.equal(parts.map((part) => part.message.content).join(''), whole.message.content);
    assert.deepEqual(
      parts.map((part) => part.done),
      [...parts.slice(1).map(() => false), true],
    );
  });

  test('each part of a stream is with the client before the next has left the engine', async () => {
    tap.hold(endOfLine, 1);
    const stream = (
      await within(ollama.chat({ model, messages, stream: true }), 'the stream to begin')
    )[Symbol.asyncIterator]();
    const texts = [];
    for (let i = 0; i < 5; i++) {
      const { value } = await within(
        stream.next(),
        `part ${i}, while the engine is held before part ${i + 1}`,
      );
      texts.push(value.message.content);
      tap.allow(1);
    }
    assert.equal(texts.join(''), 'This is the stand-in engine');
    tap.open();
    while (!(await within(stream.next(), 'the rest')).done);
  });

  test('generate, in one piece and streamed', async () => {
    const whole = await ollama.generate({ model, prompt: 'hello there' });
    assert.ok(whole.response.endsWith('You said: hello there'));
    const parts = await collect(
      await ollama.generate({ model, prompt: 'hello there', stream: true }),
    );
    assert.equal(parts.map((part) => part.response).join(''), whole.response);
  });

  test('text in every script arrives whole', async () => {
    const content = 'żółw 🐢 и 鸭 🦆\u0000\u2028 "quoted" \\ end';
    const parts = await collect(
      await ollama.chat({ model, messages: [{ role: 'user', content }], stream: true }),
    );
    assert.ok(
      parts
        .map((part) => part.message.content)
        .join('')
        .endsWith(content),
    );
  });

  test('a conversation of a megabyte', async () => {
    const content = 'grain '.repeat(180_000);
    const reply = await ollama.chat({ model, messages: [{ role: 'user', content }] });
    assert.equal(reply.prompt_eval_count, 180_000);
  });

  test('embed and embeddings', async () => {
    const { embeddings } = await ollama.embed({ model, input: ['one', 'two', 'one'] });
    assert.equal(embeddings.length, 3);
    assert.deepEqual(embeddings[0], embeddings[2]);
    assert.notDeepEqual(embeddings[0], embeddings[1]);
    assert.deepEqual(
      (await ollama.embeddings({ model, prompt: 'one' })).embedding.length,
      embeddings[0].length,
    );
  });

  test('abort in the middle of a stream: the engine sees the connection close, other streams go on', async () => {
    const other = clientOf(await issuer.token({ client: 'agent-two' }));
    tap.hold(endOfLine, 4);
    const leaving = (
      await ollama.chat({
        model,
        messages: [{ role: 'user', content: 'the-leaving-one' }],
        stream: true,
      })
    )[Symbol.asyncIterator]();
    await within(leaving.next(), 'the first part');
    const staying = other.chat({
      model,
      messages: [{ role: 'user', content: 'the-staying-one' }],
      stream: true,
    });
    tap.allow(1);
    ollama.abort();
    await assert.rejects(
      within(
        (async () => {
          while (!(await leaving.next()).done);
        })(),
        'the client to notice its own abort',
      ),
      { name: 'AbortError' },
    );
    await tap.gatewayLeft('the-leaving-one');
    tap.open();
    const parts = await within(staying.then(collect), 'the other stream');
    assert.ok(
      parts
        .map((part) => part.message.content)
        .join('')
        .endsWith('the-staying-one'),
    );
  });

  for (const [name, ask] of Object.entries({
    pull: () => ollama.pull({ model: 'llama3' }),
    push: () => ollama.push({ model: 'me/llama3' }),
    create: () => ollama.create({ model: 'mine', from: 'llama3' }),
    copy: () => ollama.copy({ source: 'llama3', destination: 'mine' }),
    delete: () => ollama.delete({ model: 'llama3' }),
  })) {
    test(`${name} is forbidden, and the client says so`, async () => {
      await assert.rejects(ask(), { name: 'ResponseError', status_code: 403 });
      assert.equal(tap.sent(), '', 'a forbidden call reached the engine');
    });
  }

  test("an error of the engine is the client's to see: an unknown model", async () => {
    await assert.rejects(ollama.show({ model: 'nobody' }), {
      name: 'ResponseError',
      status_code: 404,
      error: /'nobody' not found/,
    });
  });

  test('a bad token is 401', async () => {
    const stranger = clientOf('not.a.token');
    await assert.rejects(stranger.list(), { name: 'ResponseError', status_code: 401 });
    await assert.rejects(stranger.chat({ model, messages, stream: true }), {
      name: 'ResponseError',
      status_code: 401,
    });
    assert.equal(tap.sent(), '');
  });

  test('the token stays here, and nobody can say who he is himself', async () => {
    const token = await issuer.token();
    const liar = clientOf(token, {
      'X-Attach-User': 'root',
      x_attach_user: 'root',
      'X-ATTACH-SESSION': 'mine',
    });
    await liar.list();
    assert.ok(!tap.sent().includes(token));
    assert.ok(!/^authorization:/im.test(tap.sent()));
    assert.deepEqual(tap.sent().match(/^x.attach.user: .*(?=\r$)/gim), [
      'X-Attach-User: agent-one',
    ]);
    assert.ok(!/^x.attach.session: mine/im.test(tap.sent()));
  });

  test('the quick-start call: `prompt` to /api/chat, without Content-Type', async () => {
    const reply = await fetchInTime(`${gateway.url}/api/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await issuer.token()}` },
      body: Buffer.from(JSON.stringify({ model, prompt: 'hello "quoted" ünder', stream: false })),
    });
    assert.equal(reply.status, 200);
    assert.ok((await reply.json()).message.content.endsWith('You said: hello "quoted" ünder'));
  });

  test("twenty chats at once, each its own user's", async () => {
    const users = ['agent-one', 'agent-two'];
    const clients = await Promise.all(
      users.map(async (user) => clientOf(await issuer.token({ client: user }))),
    );
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const content = `number-${index}`;
        const parts = await collect(
          await clients[index % 2].chat({
            model,
            messages: [{ role: 'user', content }],
            stream: true,
          }),
        );
        const text = parts.map((part) => part.message.content).join('');
        assert.ok(
          text.includes(`You are ${users[index % 2]},`) && text.endsWith(`You said: ${content}`),
          text,
        );
      }),
    );
  });
});
