// SPDX-License-Identifier: MIT
//
// A2A's own SDK against the gateway: every line of its clients over every binding it has, and its servers as agents that
// the gateway hands tasks to.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { createRemoteJWKSet, jwtVerify } from 'jose';

import { fetchAs, lines } from './harness/a2a_clients.mjs';
import { servers, startA2aAgent } from './harness/a2a_servers.mjs';
import { collect } from './harness/collect.mjs';
import { bodyOf, replyJson, startEngine } from './harness/engine.mjs';
import { startGateway } from './harness/gateway.mjs';
import { audience, startIssuer } from './harness/provider.mjs';
import { Scope } from './harness/scope.mjs';
import { waitUntil, within } from './harness/wait.mjs';

const unknownId = '0'.repeat(32);

/** A plain agent: it answers a chat with its last message, but one that says "hold" only when it is let go. */
async function startChatAgent(owner) {
  const agent = await startEngine(owner, async (request, reply, seen) => {
    const { messages } = JSON.parse(await bodyOf(request));
    seen.messages = messages;
    const { content } = messages.at(-1);
    if (content.includes('hold')) {
      await new Promise((resolve) => {
        agent.letGo = resolve;
        reply.on('close', resolve);
      });
    }
    if (content.includes('fail')) {
      replyJson(reply, 500, { error: 'as you wished' });
      return;
    }
    replyJson(reply, 200, { message: { role: 'assistant', content: `echo: ${content}` } });
  });
  return agent;
}

/** Where webhooks arrive; each with its body. */
async function startWebhook(owner) {
  const hook = await startEngine(owner, async (request, reply) => {
    hook.bodies.push({ headers: request.headers, body: JSON.parse(await bodyOf(request)) });
    replyJson(reply, 200, {});
  });
  hook.bodies = [];
  return hook;
}

function stateOfWebhook({ kind, status, task, statusUpdate }) {
  const state = kind === 'task' ? status.state : (task ?? statusUpdate)?.status.state;
  return String(state).replace('TASK_STATE_', '').toLowerCase();
}

/** The scene of one file's describe: an agent, a webhook, users, a gateway. */
async function openScene(scope) {
  const issuer = await startIssuer(scope);
  const agent = await startChatAgent(scope);
  const hook = await startWebhook(scope);
  const gateway = await startGateway(scope, {
    OIDC_ISSUER: issuer.url,
    OIDC_AUD: audience,
    ENGINE_URL: agent.url,
    A2A_AGENTS: `worker=${agent.url}/chat`,
    A2A_TARGETS: `${hook.url}/hooks/*`,
  });
  const [one, two] = await Promise.all(
    ['agent-one', 'agent-two'].map((client) => issuer.token({ client })),
  );
  return { agent, hook, gateway, tokens: { one, two } };
}

async function ended(client, id) {
  return waitUntil(async () => {
    const task = await client.get(id);
    return !['submitted', 'working'].includes(task.state) && task;
  }, 'the task to end');
}

/** Begins a task that holds; {id, letGo}. */
async function begin({ agent }, client, options = {}) {
  const before = agent.requests.length;
  const sent = client.send('hold it', { blocking: false, ...options });
  const task = await within(sent, 'an answer that does not wait');
  assert.ok(['submitted', 'working'].includes(task.state), task.state);
  await agent.request(before);
  return { id: task.id, contextId: task.contextId, letGo: () => agent.letGo() };
}

for (const line of lines) {
  describe(`the client of line ${line.name}`, () => {
    const scope = new Scope();
    let scene;
    let client;
    let engineClient;
    let stranger;

    before(async () => {
      scene = await openScene(scope);
      const { gateway, tokens } = scene;
      client = await line.open(`${gateway.url}/a2a/agents/worker/`, () => tokens.one);
      stranger = await line.open(`${gateway.url}/a2a/agents/worker/`, () => tokens.two);
      engineClient = await line.open(gateway.url, () => tokens.one);
    });
    after(() => scope.close());
    beforeEach(() => {
      scene.hook.bodies.length = 0;
    });

    /** Every line says what was refused in its own way: a code, a class or a text. */
    async function refused(promise, name, code) {
      await assert.rejects(promise, (error) => {
        const said = [error.name, error.constructor.name, error.code, error.message, error.reason];
        const found = said.join(' ');
        assert.ok(found.includes(name) || found.includes(String(code)), found);
        return true;
      });
    }

    test('finds the card of an agent and of the gateway', async () => {
      const card = await client.card();
      assert.equal(card.name, 'worker');
      assert.equal(card.capabilities.streaming, true);
      assert.equal(card.capabilities.pushNotifications, true);
      assert.ok(card.securitySchemes.bearer);
      const whole = await engineClient.card();
      assert.equal(whole.name, 'attach-gateway');
      assert.deepEqual(
        whole.skills.map(({ id }) => id),
        ['engine', 'worker'],
      );
    });

    test('sends a message and gets its task', async () => {
      const task = await client.send('good morning');
      assert.equal(task.state, 'completed');
      assert.deepEqual(task.texts, ['echo: good morning']);
      assert.ok(task.contextId);
      const again = await client.get(task.id);
      assert.deepEqual(again.texts, task.texts);
      assert.equal(again.history[0], 'good morning');
      assert.deepEqual((await client.get(task.id, 0)).history, []);
    });

    test('talks to the engine when it names no agent', async () => {
      const task = await engineClient.send('hello, engine');
      assert.equal(task.state, 'completed');
      assert.deepEqual(task.texts, ['echo: hello, engine']);
      assert.equal(scene.agent.requests.at(-1).target, '/api/chat');
    });

    test('goes on in the same context', async () => {
      const first = await client.send('one');
      const second = await client.send('two', { contextId: first.contextId });
      assert.equal(second.contextId, first.contextId);
      assert.notEqual(second.id, first.id);
    });

    test('is not made to wait', async () => {
      const { id, letGo } = await begin(scene, client);
      letGo();
      assert.deepEqual((await ended(client, id)).texts, ['echo: hold it']);
    });

    test('a message sent twice is one task', async () => {
      const count = scene.agent.requests.length;
      const messageId = `twice-${line.name}`;
      const [first, second] = [
        await client.send('once', { messageId }),
        await client.send('once', { messageId }),
      ];
      assert.equal(first.id, second.id);
      assert.equal(scene.agent.requests.length, count + 1);
    });

    test('a failure of the agent is the task\'s', async () => {
      const task = await client.send('fail');
      assert.equal(task.state, 'failed');
      assert.match(task.said, /500/);
    });

    test('streams every change, up to the end', async () => {
      const events = await within(collect(client.stream('good evening')), 'the stream to end');
      assert.ok(events[0].task, JSON.stringify(events));
      assert.ok(['submitted', 'working'].includes(events[0].task.state));
      const { id } = events[0].task;
      assert.ok(events.slice(1).every(({ taskId }) => taskId === id));
      assert.deepEqual(events.flatMap(({ texts }) => texts ?? []), ['echo: good evening']);
      assert.equal(events.at(-1).state, 'completed');
      if (line.isLegacy) {
        assert.equal(events.at(-1).final, true);
        assert.equal(events.filter(({ final }) => final).length, 1);
      }
    });

    test('takes up a stream again', async () => {
      const { id, letGo } = await begin(scene, client);
      const stream = client.resubscribe(id);
      const { value } = await within(stream.next(), 'the first event');
      assert.ok(value.task ?? value.state, JSON.stringify(value));
      letGo();
      const events = await within(collect(stream), 'the rest');
      assert.deepEqual(events.flatMap(({ texts }) => texts ?? []), ['echo: hold it']);
      assert.equal(events.at(-1).state, 'completed');
    });

    test('a stream that is left does not end the task', async () => {
      const before = scene.agent.requests.length;
      const stream = client.stream('hold on');
      const { value } = await stream.next();
      const { id } = value.task;
      await scene.agent.request(before);
      await within(stream.return(), 'the stream to be left');
      scene.agent.letGo();
      assert.deepEqual((await ended(client, id)).texts, ['echo: hold on']);
    });

    test('cancels', async () => {
      const { id } = await begin(scene, client);
      assert.equal((await client.cancel(id)).state, 'canceled');
      assert.equal((await client.get(id)).state, 'canceled');
      await refused(client.cancel(id), 'TaskNotCancelable', -32002);
    });

    test('a webhook that came with the message is called', async () => {
      const url = `${scene.hook.url}/hooks/with-message`;
      const push = { id: 'mine', url, token: 'a token of mine' };
      const task = await client.send('tell me', { push });
      const { headers, body } = await waitUntil(
        () => scene.hook.bodies.find(({ body }) => stateOfWebhook(body) === 'completed'),
        'the webhook',
      );
      assert.equal(headers['x-a2a-notification-token'], 'a token of mine');
      assert.ok(JSON.stringify(body).includes(task.id));
      assert.ok(JSON.stringify(body).includes('echo: tell me'));
    });

    test('webhooks are set, read, listed and deleted', async () => {
      const { id, letGo } = await begin(scene, client);
      const url = `${scene.hook.url}/hooks/later`;
      const authentication = { schemes: ['Bearer'], credentials: 'sesame' };
      const config = { id: 'later', url, token: 't', authentication };
      const set = await client.setPush(id, config);
      assert.equal(set.url, url);
      if (client.listPush) {
        await client.setPush(id, { id: 'other', url: `${url}-2`, token: '' });
        assert.equal((await client.getPush(id, 'later')).url, url);
        assert.deepEqual((await client.listPush(id)).map((one) => one.id).sort(), ['later', 'other']);
        await client.deletePush(id, 'other');
        assert.deepEqual((await client.listPush(id)).map((one) => one.id), ['later']);
        await refused(client.getPush(id, 'other'), 'TaskNotFound', -32001);
      }
      letGo();
      const { headers } = await waitUntil(() => scene.hook.bodies[0], 'the webhook');
      assert.equal(headers.authorization, 'Bearer sesame');
      assert.equal(headers['x-a2a-notification-token'], 't');
      assert.equal(scene.hook.bodies.length, 1);
    });

    test('a webhook elsewhere is refused', async () => {
      const push = { id: 'x', url: 'http://169.254.169.254/latest/meta-data', token: '' };
      await assert.rejects(client.send('tell them', { push }), /may not be called|refused/);
      const { id, letGo } = await begin(scene, client);
      await assert.rejects(client.setPush(id, push), /may not be called/);
      letGo();
      await ended(client, id);
    });

    test('what there is not is said so', async () => {
      await refused(client.get(unknownId), 'TaskNotFound', -32001);
      await refused(client.get('no id of ours'), 'TaskNotFound', -32001);
      await refused(client.cancel(unknownId), 'TaskNotFound', -32001);
      await refused(client.send('x', { taskId: unknownId }), 'TaskNotFound', -32001);
      const { id } = await client.send('done');
      await refused(client.send('more', { taskId: id }), 'UnsupportedOperation', -32004);
    });

    test("another user's task is as if it were not there", async () => {
      const { id } = await client.send('a secret');
      await refused(stranger.get(id), 'TaskNotFound', -32001);
      await refused(stranger.cancel(id), 'TaskNotFound', -32001);
      if (stranger.listPush) {
        await refused(stranger.listPush(id), 'TaskNotFound', -32001);
      }
      await assert.rejects(collect(stranger.resubscribe(id)));
    });

    test('without a token nothing goes', async () => {
      const nobody = await line.open(`${scene.gateway.url}/a2a/agents/worker/`, () => 'nonsense');
      await assert.rejects(nobody.send('hello'), /401|credentials|token/i);
      await assert.rejects(collect(nobody.stream('hello')), /401|credentials|token/i);
    });

    if (line.lists) {
      test('lists its tasks, page by page', async () => {
        const { contextId } = await client.send('list 0');
        for (const number of [1, 2, 3, 4]) {
          await client.send(`list ${number}`, { contextId });
        }
        const found = [];
        let pageToken = '';
        do {
          const query = { contextId, pageSize: 2, pageToken, includeArtifacts: true };
          const page = await client.list(query);
          assert.ok(page.tasks.length <= 2);
          assert.equal(page.totalSize, 5);
          found.push(...page.tasks);
          pageToken = page.nextPageToken;
        } while (pageToken);
        assert.deepEqual(
          found.map(({ texts }) => texts[0]),
          [4, 3, 2, 1, 0].map((number) => `echo: list ${number}`),
        );
        assert.deepEqual((await stranger.list({ contextId })).tasks, []);
        const bare = await client.list({ contextId });
        assert.deepEqual(bare.tasks.flatMap(({ texts }) => texts), []);
        const failed = await client.list({ contextId, status: 'TASK_STATE_FAILED' });
        assert.deepEqual(failed.tasks, []);
      });
    }
  });
}

for (const server of servers) {
  describe(`an agent made with the server of line ${server.name}`, () => {
    const scope = new Scope();
    const [, , , line] = lines; // 1 over JSON-RPC
    let gateway;
    let agent;
    let client;

    before(async () => {
      const issuer = await startIssuer(scope);
      agent = await startA2aAgent(scope, server);
      gateway = await startGateway(scope, {
        OIDC_ISSUER: issuer.url,
        OIDC_AUD: audience,
        ENGINE_URL: 'http://127.0.0.1:1',
        A2A_AGENTS: `sdk=${agent.url};${server.option}`,
      });
      const token = await issuer.token();
      client = await line.open(`${gateway.url}/a2a/agents/sdk/`, () => token);
      client.plain = (path, body) =>
        fetchAs(() => token, gateway.url)(gateway.url + path, {
          method: body ? 'POST' : 'GET',
          body: body && JSON.stringify(body),
        });
    });
    after(() => scope.close());

    test('its artifact is the task\'s', async () => {
      const task = await client.send('write it down');
      assert.equal(task.state, 'completed', task.said);
      assert.deepEqual(task.texts, ['agent: write it down']);
    });

    test('an answer without a task will do', async () => {
      const task = await client.send('say hello');
      assert.equal(task.state, 'completed', task.said);
      assert.deepEqual([...task.texts, task.said].filter(Boolean), ['said: say hello']);
    });

    for (const state of ['fail', 'reject']) {
      test(`it may ${state}`, async () => {
        const task = await client.send(`${state} this`);
        assert.equal(task.state, `${state}ed`);
        assert.ok(task.said);
      });
    }

    test('it may ask back, and gets the answer', async () => {
      const first = await client.send('ask me');
      assert.equal(first.state, 'input-required');
      const second = await client.send('the blue one', { taskId: first.id });
      assert.equal(second.id, first.id);
      assert.equal(second.state, 'completed', second.said);
      assert.deepEqual(second.texts, ['agent: again, the blue one']);
    });

    test("the original's route reaches it too", async () => {
      const input = { messages: [{ role: 'user', content: 'by the old way' }] };
      const reply = await client.plain('/a2a/tasks/send', { input, target: 'sdk' });
      const { task_id: task } = await reply.json();
      const status = await waitUntil(async () => {
        const body = await (await client.plain(`/a2a/tasks/status/${task}`)).json();
        return ['done', 'error'].includes(body.state) && body;
      }, 'the task to end');
      assert.equal(status.state, 'done');
      assert.match(JSON.stringify(status.result), /agent: by the old way/);
    });

    test('its token is for it, and can be checked with the published key', async () => {
      await client.send('who am I');
      const { headers } = agent.calls.at(-1);
      const [, token] = /^Bearer (.+)$/.exec(headers.authorization);
      const keys = createRemoteJWKSet(new URL(`${gateway.url}/.well-known/jwks.json`));
      const { url } = gateway;
      const { payload } = await jwtVerify(token, keys, { issuer: url, audience: url });
      assert.equal(payload.sub, headers['x-attach-user']);
      assert.deepEqual(payload.act, { sub: 'sdk' });
      assert.ok(payload.exp - payload.iat <= 300);
      assert.equal(server.option === 'a2a=1.0' ? headers['a2a-version'] : '1.0', '1.0');
    });
  });
}
