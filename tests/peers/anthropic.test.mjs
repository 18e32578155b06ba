// SPDX-License-Identifier: MIT
//
// The `@anthropic-ai/sdk` client through the gateway to an engine that speaks the Messages protocol.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';

import { echoModel, startAnthropicEngine } from './harness/anthropic_engine.mjs';
import { startGateway } from './harness/gateway.mjs';
import { audience, startIssuer } from './harness/provider.mjs';
import { Scope } from './harness/scope.mjs';
import { patienceMs, waitUntil, within } from './harness/wait.mjs';

const words = ['Sand,', ' grain', ' by', ' grain', ' 🏖'];
const call = {
  model: echoModel,
  max_tokens: 100,
  messages: [{ role: 'user', content: words.join('') }],
};

describe('the anthropic client', () => {
  const scope = new Scope();
  let issuer;
  let engine;
  let echo;
  let gateway;
  let anthropic;

  function clientOf(token) {
    return new Anthropic({
      baseURL: gateway.url,
      authToken: token,
      apiKey: null,
      maxRetries: 0,
      timeout: patienceMs,
    });
  }

  before(async () => {
    issuer = await startIssuer(scope);
    ({ engine, echo } = await startAnthropicEngine(scope));
    gateway = await startGateway(scope, {
      OIDC_ISSUER: issuer.url,
      OIDC_AUD: audience,
      ENGINE_URL: engine.url,
    });
    anthropic = clientOf(await issuer.token());
  });
  after(() => scope.close());
  afterEach(() => {
    echo.beforeWord = async () => {};
  });

  test('a message in one piece', async () => {
    const message = await anthropic.messages.create(call);
    assert.equal(message.content[0].text, words.join(''));
    const { headers } = engine.requests.at(-1);
    assert.equal(headers['x-attach-user'], 'agent-one');
    assert.equal(headers.authorization, undefined);
    assert.ok(headers['anthropic-version']);
  });

  test('each event of a stream is with the client before the next is written', async () => {
    const permits = [];
    echo.beforeWord = () => new Promise((resolve) => permits.push(resolve));
    const events = (
      await within(anthropic.messages.create({ ...call, stream: true }), 'the stream to begin')
    )[Symbol.asyncIterator]();
    const next = async (type) => {
      const { value } = await within(events.next(), type);
      assert.equal(value.type, type);
      return value;
    };
    await next('message_start');
    await next('content_block_start');
    for (const word of words) {
      (await waitUntil(() => permits.shift(), 'the engine to come to the next word'))();
      assert.equal((await next('content_block_delta')).delta.text, word);
    }
    await next('content_block_stop');
    assert.equal((await next('message_delta')).delta.stop_reason, 'end_turn');
    await next('message_stop');
  });

  test('the stream helper puts the same message together', async () => {
    const message = await within(
      anthropic.messages.stream(call).finalMessage(),
      'the whole message',
    );
    assert.equal(message.content[0].text, words.join(''));
    assert.equal(message.usage.output_tokens, words.length);
  });

  test('count_tokens', async () => {
    const { max_tokens: _, ...asked } = call;
    assert.equal((await anthropic.messages.countTokens(asked)).input_tokens, words.length);
  });

  test('abort in the middle of a stream: the engine sees the connection close', async () => {
    const permits = [];
    echo.beforeWord = () => new Promise((resolve) => permits.push(resolve));
    const stream = await anthropic.messages.create({ ...call, stream: true });
    await within(stream[Symbol.asyncIterator]().next(), 'the first event');
    const seen = engine.requests.at(-1);
    stream.controller.abort();
    await waitUntil(() => seen.left, 'the engine to see the client leave');
    permits.forEach((permit) => permit());
  });

  test('an error of the engine arrives as the engine said it', async () => {
    await assert.rejects(anthropic.messages.create({ ...call, model: 'nobody' }), (error) => {
      assert.ok(error instanceof Anthropic.NotFoundError);
      assert.equal(error.error.error.type, 'not_found_error');
      return true;
    });
  });

  test('a bad token is an AuthenticationError with WWW-Authenticate', async () => {
    const before = engine.requests.length;
    await assert.rejects(clientOf('not.a.token').messages.create(call), (error) => {
      assert.ok(error instanceof Anthropic.AuthenticationError);
      assert.match(error.headers.get('www-authenticate'), /^Bearer /);
      return true;
    });
    assert.equal(engine.requests.length, before);
  });

  test('a route that is not open is a PermissionDeniedError', async () => {
    await assert.rejects(anthropic.messages.batches.list(), Anthropic.PermissionDeniedError);
  });
});
