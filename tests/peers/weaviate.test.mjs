// SPDX-License-Identifier: MIT
//
// What the gateway remembers in Weaviate, read with Weaviate's own client: the agents that read class MemoryEvent that way
// go on doing so.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import weaviatePackage from 'weaviate-ts-client';

import { startGateway } from './harness/gateway.mjs';
import { audience, startIssuer } from './harness/provider.mjs';
import { Scope } from './harness/scope.mjs';
import { sessionOf } from './harness/session.mjs';
import { standInModel, startStandIn } from './harness/stand_in.mjs';
import { patienceMs, waitUntil } from './harness/wait.mjs';
import { startWeaviate } from './harness/weaviate.mjs';

const weaviate = weaviatePackage.default ?? weaviatePackage;
const className = 'MemoryEvent';

describe('the weaviate-ts-client', () => {
  const scope = new Scope();
  let user;
  let gateway;
  let client;
  let token;

  async function ask(method, path, body) {
    const reply = await fetch(gateway.url + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'User-Agent': 'agent/1' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(patienceMs),
    });
    user ??= reply.headers.get('x-attach-user');
    const text = await reply.text();
    assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${text}`);
    return text === '' ? null : text;
  }

  async function write(document) {
    return JSON.parse(await ask('POST', '/mem/events', document)).mem_id;
  }

  const where = (path, value) => ({ path: [path], operator: 'Equal', valueText: value });
  const both = (...operands) => ({ operator: 'And', operands });

  async function rowsOf(filter, fields) {
    const reply = await client.graphql
      .get()
      .withClassName(className)
      .withFields(`${fields} _additional { id }`)
      .withWhere(filter)
      .withLimit(100)
      .do();
    return reply.data.Get[className];
  }

  /** Rows of our user, once there are <count>. */
  function delivered(filter, fields, count = 1) {
    return waitUntil(
      async () => {
        const rows = await rowsOf(both(where('user', user), filter), fields);
        return rows.length >= count && rows;
      },
      () => `${count} rows with ${JSON.stringify(filter)}`,
    );
  }

  before(async () => {
    const server = await startWeaviate(scope);
    const issuer = await startIssuer(scope);
    gateway = await startGateway(scope, {
      OIDC_ISSUER: issuer.url,
      OIDC_AUD: audience,
      ENGINE_URL: await startStandIn(scope),
      MEM_BACKEND: 'weaviate',
      WEAVIATE_URL: server.url,
      ...(server.apiKey && { WEAVIATE_API_KEY: server.apiKey }),
    });
    token = await issuer.token();
    const { host, protocol } = new URL(server.url);
    client = weaviate.client({
      scheme: protocol.slice(0, -1),
      host,
      ...(server.apiKey && { apiKey: new weaviate.ApiKey(server.apiKey) }),
    });
    await write({ event: 'first', payload: 0 });
    await waitUntil(
      async () => {
        const { classes } = await client.schema.getter().do(); // made with the first delivery
        return (classes ?? []).some((one) => one.class === className);
      },
      () => `the class ${className}`,
    );
    await delivered(where('event', 'first'), 'event');
  });
  after(() => scope.close());

  test('finds the class that was made, and every name of the original in it', async () => {
    const definition = await client.schema.classGetter().withClassName(className).do();
    assert.equal(definition.class, className);
    const names = definition.properties.map((property) => property.name);
    for (const name of [
      'timestamp',
      'event',
      'user',
      'session_id',
      'task_id',
      'state',
      'payload',
      'result',
    ]) {
      assert.ok(names.includes(name), `${name} is not among ${names}`);
    }
    const owner = definition.properties.find((property) => property.name === 'owner');
    assert.equal(owner.tokenization, 'field');
  });

  test('reads a document by the id that its writer was given', async () => {
    const payload = { steps: ['read', 'write'], text: 'grüße <&> "quoted" \\ \u{1f600}' };
    const id = await write({ event: 'plan', task: 't1', session: 'work', payload });
    const [row] = await delivered(where('task_id', 't1'), 'event task_id session_id user payload');
    assert.equal(row._additional.id, id);
    assert.equal(row.event, 'plan');
    assert.equal(row.user, user);
    assert.equal(row.session_id, sessionOf(user, 'work'));
    assert.deepEqual(JSON.parse(row.payload), payload);
    const object = await client.data.getterById().withClassName(className).withId(id).do();
    assert.equal(object.id, id);
    assert.deepEqual(JSON.parse(object.properties.payload), payload);
  });

  test('reads prompt and answer of a call to the engine', async () => {
    const reply = await ask('POST', '/api/chat', {
      model: standInModel,
      stream: false,
      messages: [{ role: 'user', content: 'count the grains of sand' }],
    });
    const [row] = await delivered(
      where('event', 'exchange'),
      'prompt completion model tokens_in tokens_out finish_reason status complete session_id timestamp',
    );
    assert.match(row.prompt, /count the grains of sand/);
    assert.equal(row.completion, JSON.parse(reply).message.content);
    assert.equal(row.model, standInModel);
    assert.equal(row.status, 200);
    assert.equal(row.complete, true);
    assert.ok(row.tokens_out > 0);
    assert.equal(row.session_id, sessionOf(user, 'agent/1'));
    assert.ok(Math.abs(Date.parse(row.timestamp) - Date.now()) < 60_000);
  });

  test('finds words with BM25', async () => {
    const id = await write({ payload: 'the quokka smiles at zebras' });
    await delivered(where('event', 'document'), 'payload');
    const rows = await waitUntil(async () => {
      const reply = await client.graphql
        .get()
        .withClassName(className)
        .withFields('payload user _additional { id }')
        .withBm25({ query: 'quokka' })
        .withWhere(where('user', user))
        .withLimit(10)
        .do();
      return reply.data.Get[className].length > 0 && reply.data.Get[className];
    }, 'the words to be found');
    assert.deepEqual(
      rows.map((row) => row._additional.id),
      [id],
    );
  });

  test('counts each event once', async () => {
    for (let number = 0; number < 20; number += 1) {
      await ask('POST', '/v1/logs', { run_id: 'count', level: 'info', message: `line ${number}` });
    }
    const rows = await delivered(where('run_id', 'count'), 'message level', 20);
    assert.equal(new Set(rows.map((row) => row._additional.id)).size, 20);
    const reply = await client.graphql
      .aggregate()
      .withClassName(className)
      .withWhere(both(where('user', user), where('run_id', 'count')))
      .withFields('meta { count }')
      .do();
    assert.equal(reply.data.Aggregate[className][0].meta.count, 20);
  });

  test('finds nothing any more once it was erased', async () => {
    const id = await write({ event: 'secret', payload: 'to be forgotten' });
    await delivered(where('event', 'secret'), 'payload');
    await ask('DELETE', `/mem/events/${id}`);
    assert.deepEqual(await rowsOf(both(where('user', user), where('event', 'secret')), 'payload'), []);
    await ask('DELETE', '/mem/events?all=true');
    assert.deepEqual(await rowsOf(where('user', user), 'payload'), []);
  });
});
