// SPDX-License-Identifier: MIT
//
// a2a_clients.mjs - the clients of @a2a-js/sdk, the lines 0.2, 0.3 and 1, each over the bindings it has, made to look alike:
// what they give back is brought to one shape, so that one test can ask all of them the same.
//
// A client: card(), send(text, options), stream(text, options), get(id, historyLength), cancel(id), resubscribe(id),
// setPush(id, config), getPush(id, configId), listPush(id), deletePush(id, configId), list(query), if its
// line lists; listPush and deletePush are null for line 0.2, which has none. Options: {messageId, contextId, taskId, blocking, push, signal}. Tasks: {id, contextId, state, texts, history}.
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

import { A2AClient as ClientV02 } from 'a2a-sdk-v02/client';
import * as v03 from 'a2a-sdk-v03/client';
import * as v1Types from 'a2a-sdk-v1';
import * as v1 from 'a2a-sdk-v1/client';

const fetchOfCall = new AsyncLocalStorage();
const { fetch: ordinaryFetch } = globalThis;

/** fetch with the user's token, for <origin> only. */
export function fetchAs(token, origin) {
  return (url, init = {}) => {
    if (!String(url).startsWith(origin)) {
      return ordinaryFetch(url, init);
    }
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${token()}`);
    return ordinaryFetch(url, { ...init, headers });
  };
}

// ---- one shape ----

const legacyText = ({ kind, text }) => (kind === 'text' ? [text] : []);
const currentText = ({ content }) => (content?.$case === 'text' ? [content.value] : []);

function taskOf(task, state, textOf) {
  const { id, contextId, artifacts, history, status } = task;
  return {
    id,
    contextId,
    state,
    texts: (artifacts ?? []).flatMap(({ parts }) => parts.flatMap(textOf)),
    history: (history ?? []).map(({ parts }) => parts.flatMap(textOf).join('')),
    said: (status?.message?.parts ?? []).flatMap(textOf).join(''),
  };
}

const legacyTask = (task) => taskOf(task, task.status.state, legacyText);
const currentState = (status) =>
  v1Types.taskStateToJSON(status.state).replace('TASK_STATE_', '').toLowerCase().replace('_', '-');
const currentTask = (task) => taskOf(task, currentState(task.status), currentText);

function legacyEvent(event) {
  switch (event.kind) {
    case 'task':
      return { task: legacyTask(event) };
    case 'status-update':
      return { state: event.status.state, final: event.final, taskId: event.taskId };
    case 'artifact-update':
      return { texts: event.artifact.parts.flatMap(legacyText), taskId: event.taskId };
    default:
      return { unknown: event };
  }
}

function currentEvent({ payload }) {
  const { $case, value } = payload;
  switch ($case) {
    case 'task':
      return { task: currentTask(value) };
    case 'statusUpdate':
      return { state: currentState(value.status), taskId: value.taskId };
    case 'artifactUpdate':
      return { texts: value.artifact.parts.flatMap(currentText), taskId: value.taskId };
    default:
      return { unknown: payload };
  }
}

async function* eventsOf(stream, toEvent) {
  for await (const event of stream) {
    yield toEvent(event);
  }
}

function legacyParams(text, { messageId = randomUUID(), contextId, taskId, blocking, push }) {
  return {
    message: {
      kind: 'message',
      role: 'user',
      messageId,
      parts: [{ kind: 'text', text }],
      ...(contextId && { contextId }),
      ...(taskId && { taskId }),
    },
    configuration: { acceptedOutputModes: [], blocking, ...(push && { pushNotificationConfig: push }) },
  };
}

// ---- 0.2: answers are JSON-RPC's, and the only fetch it knows is the global one ----

class RpcError extends Error {
  constructor({ code, message }) {
    super(`${message} (${code})`);
    this.code = code;
  }
}

function resultOf(answer) {
  if (answer.error) {
    throw new RpcError(answer.error);
  }
  return answer.result;
}

/** From now on the global fetch is that of the call it is made in. */
function divertFetch() {
  globalThis.fetch = (...args) => (fetchOfCall.getStore() ?? ordinaryFetch)(...args);
}

async function* streamWithFetch(fetchImpl, stream) {
  try {
    for (;;) {
      const { done, value } = await fetchOfCall.run(fetchImpl, () => stream.next());
      if (done) {
        return;
      }
      yield value;
    }
  } finally {
    await stream.return();
  }
}

async function openV02(url, token) {
  divertFetch();
  const fetchImpl = fetchAs(token, new URL(url).origin);
  const client = new ClientV02(url);
  const card = await client.getAgentCard();
  const call = async (method, params) =>
    resultOf(await fetchOfCall.run(fetchImpl, () => client[method](params)));
  const stream = (method, params) =>
    eventsOf(streamWithFetch(fetchImpl, client[method](params)), legacyEvent);
  return {
    card: () => card,
    send: async (text, options = {}) =>
      legacyTask(await call('sendMessage', legacyParams(text, { blocking: true, ...options }))),
    stream: (text, options = {}) => stream('sendMessageStream', legacyParams(text, options)),
    get: async (id, historyLength) => legacyTask(await call('getTask', { id, historyLength })),
    cancel: async (id) => legacyTask(await call('cancelTask', { id })),
    resubscribe: (id) => stream('resubscribeTask', { id }),
    setPush: async (taskId, config) => {
      const answer = await call('setTaskPushNotificationConfig', {
        taskId,
        pushNotificationConfig: config,
      });
      return answer.pushNotificationConfig;
    },
    getPush: async (id) => (await call('getTaskPushNotificationConfig', { id })).pushNotificationConfig,
    listPush: null,
    deletePush: null,
  };
}

// ---- 0.3 ----

async function openV03(url, token, transport) {
  const fetchImpl = fetchAs(token, new URL(url).origin);
  const factory = new v03.ClientFactory({
    transports: [
      new v03.JsonRpcTransportFactory({ fetchImpl }),
      new v03.RestTransportFactory({ fetchImpl }),
    ],
    preferredTransports: [transport],
  });
  const client = await factory.createFromUrl(url);
  return {
    client,
    card: () => client.getAgentCard(),
    send: async (text, options = {}) => {
      const params = legacyParams(text, { blocking: true, ...options });
      return legacyTask(await client.sendMessage(params, { signal: options.signal }));
    },
    stream: (text, options = {}) =>
      eventsOf(
        client.sendMessageStream(legacyParams(text, options), { signal: options.signal }),
        legacyEvent,
      ),
    get: async (id, historyLength) => legacyTask(await client.getTask({ id, historyLength })),
    cancel: async (id) => legacyTask(await client.cancelTask({ id })),
    resubscribe: (id, options) => eventsOf(client.resubscribeTask({ id }, options), legacyEvent),
    setPush: async (taskId, config) => {
      const params = { taskId, pushNotificationConfig: config };
      return (await client.setTaskPushNotificationConfig(params)).pushNotificationConfig;
    },
    getPush: async (id, pushNotificationConfigId) =>
      (await client.getTaskPushNotificationConfig({ id, pushNotificationConfigId }))
        .pushNotificationConfig,
    listPush: async (id) =>
      (await client.listTaskPushNotificationConfig({ id })).map(
        ({ pushNotificationConfig }) => pushNotificationConfig,
      ),
    deletePush: (id, pushNotificationConfigId) =>
      client.deleteTaskPushNotificationConfig({ id, pushNotificationConfigId }),
  };
}

// ---- 1, and its way of speaking to older agents ----

function currentPush(config, taskId = '') {
  const { authentication, ...rest } = config;
  const [scheme] = authentication?.schemes ?? [];
  return v1Types.TaskPushNotificationConfig.fromJSON({
    ...rest,
    taskId,
    ...(authentication && {
      authentication: { scheme, credentials: authentication.credentials },
    }),
  });
}

function currentParams(text, { messageId = randomUUID(), contextId, taskId, blocking, push }) {
  const request = v1Types.SendMessageRequest.fromJSON({
    message: { role: 'ROLE_USER', messageId, contextId, taskId, parts: [{ text }] },
    configuration: { acceptedOutputModes: [], returnImmediately: blocking === false },
  });
  if (push) {
    request.configuration.taskPushNotificationConfig = currentPush(push);
  }
  return request;
}

/** The legacy shape of a configuration. */
function pushOf({ id, url, token, authentication }) {
  const { scheme, credentials } = authentication ?? {};
  return { id, url, token, ...(authentication && { authentication: { schemes: [scheme], credentials } }) };
}

async function openV1(url, token, transport, { version = '1.0' } = {}) {
  const fetchImpl = fetchAs(token, new URL(url).origin);
  const legacyCompat = { enabled: version !== '1.0' };
  const factory = new v1.ClientFactory({
    transports: [
      new v1.JsonRpcTransportFactory({ fetchImpl, legacyCompat }),
      new v1.RestTransportFactory({ fetchImpl, legacyCompat }),
    ],
    preferredTransports: [transport],
  });
  const client = await openV1Client(factory, url, version);
  return {
    client,
    card: () => client.getAgentCard(),
    send: async (text, options = {}) => {
      const params = currentParams(text, options);
      const result = await client.sendMessage(params, { signal: options.signal });
      return currentTask(result.payload?.value ?? result);
    },
    stream: (text, options = {}) =>
      eventsOf(
        client.sendMessageStream(currentParams(text, options), { signal: options.signal }),
        currentEvent,
      ),
    get: async (id, historyLength) =>
      currentTask(await client.getTask({ tenant: '', id, historyLength })),
    cancel: async (id) => currentTask(await client.cancelTask({ tenant: '', id, metadata: {} })),
    resubscribe: (id, options) =>
      eventsOf(client.resubscribeTask({ tenant: '', id }, options), currentEvent),
    setPush: async (taskId, config) =>
      pushOf(await client.createTaskPushNotificationConfig(currentPush(config, taskId))),
    getPush: async (taskId, id) =>
      pushOf(await client.getTaskPushNotificationConfig({ tenant: '', taskId, id })),
    listPush: async (taskId) => {
      const query = { tenant: '', taskId, pageSize: 0, pageToken: '' };
      return (await client.listTaskPushNotificationConfig(query)).configs.map(pushOf);
    },
    deletePush: (taskId, id) =>
      client.deleteTaskPushNotificationConfig({ tenant: '', taskId, id }),
    list: async (query) => {
      const answer = await client.listTasks(v1Types.ListTasksRequest.fromJSON(query));
      return { ...answer, tasks: answer.tasks.map(currentTask) };
    },
  };
}

/** A client that takes the first interface of <version>. */
async function openV1Client(factory, url, version) {
  if (version === '1.0') {
    return factory.createFromUrl(url);
  }
  const card = await v1.AgentCardResolver.default.resolve(url);
  card.supportedInterfaces = card.supportedInterfaces.filter(
    ({ protocolVersion }) => protocolVersion === version,
  );
  return factory.createFromAgentCard(card);
}

export const lines = [
  { name: '0.2 over JSON-RPC', open: openV02, isLegacy: true },
  { name: '0.3 over JSON-RPC', open: (url, token) => openV03(url, token, 'JSONRPC'), isLegacy: true },
  { name: '0.3 over HTTP+JSON', open: (url, token) => openV03(url, token, 'HTTP+JSON'), isLegacy: true },
  { name: '1 over JSON-RPC', open: (url, token) => openV1(url, token, 'JSONRPC'), lists: true },
  { name: '1 over HTTP+JSON', open: (url, token) => openV1(url, token, 'HTTP+JSON'), lists: true },
  {
    name: '1 as a client of 0.3, over JSON-RPC',
    open: (url, token) => openV1(url, token, 'JSONRPC', { version: '0.3' }),
  },
  {
    name: '1 as a client of 0.3, over HTTP+JSON',
    open: (url, token) => openV1(url, token, 'HTTP+JSON', { version: '0.3' }),
  },
];
