// SPDX-License-Identifier: MIT
//
// a2a_servers.mjs - agents that the servers of @a2a-js/sdk make, the lines 0.2, 0.3 and 1. All do the same: what is said to
// them decides what they do (see act), and what they were asked is kept, with the headers it came with.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';

import * as v02 from 'a2a-sdk-v02/server';
import * as v03 from 'a2a-sdk-v03/server';
import * as v03Express from 'a2a-sdk-v03/server/express';
import * as v1Types from 'a2a-sdk-v1';
import * as v1 from 'a2a-sdk-v1/server';
import * as v1Express from 'a2a-sdk-v1/server/express';

import { within } from './wait.mjs';

const express = createRequire(import.meta.resolve('a2a-sdk-v02/server'))('express'); // the SDK's own

/** What the agent does with a message: [what, its words] for each thing it tells. */
function act(text) {
  if (text.startsWith('say')) {
    return [['message', `said: ${text}`]];
  }
  if (text.startsWith('fail')) {
    return [['task'], ['failed', 'it went wrong']];
  }
  if (text.startsWith('reject')) {
    return [['task'], ['rejected', 'not for me']];
  }
  if (text.startsWith('ask')) {
    return [['task'], ['input-required', 'which one?']];
  }
  return [['task'], ['working'], ['artifact', `agent: ${text}`], ['completed']];
}

// ---- telling it in the words of each line ----

function legacyParts(words) {
  return words === undefined ? [] : [{ kind: 'text', text: words }];
}

function legacyEvent([what, words], { taskId, contextId, userMessage }) {
  const message = { kind: 'message', role: 'agent', messageId: randomUUID(), parts: legacyParts(words) };
  const status = { state: what, ...(words && { message }), timestamp: new Date().toISOString() };
  switch (what) {
    case 'message':
      return { ...message, contextId };
    case 'task':
      return {
        kind: 'task',
        id: taskId,
        contextId,
        status: { state: 'submitted' },
        history: [userMessage],
        artifacts: [],
      };
    case 'artifact':
      return {
        kind: 'artifact-update',
        taskId,
        contextId,
        artifact: { artifactId: 'only', name: 'answer', parts: legacyParts(words) },
      };
    default:
      return { kind: 'status-update', taskId, contextId, status, final: what !== 'working' };
  }
}

function currentEvent([what, words], { taskId, contextId, userMessage }) {
  const { AgentEvent } = v1;
  const parts = words === undefined ? [] : [{ text: words }];
  const message = { role: 'ROLE_AGENT', messageId: randomUUID(), parts, contextId };
  const state = `TASK_STATE_${what.replace('-', '_').toUpperCase()}`;
  switch (what) {
    case 'message':
      return AgentEvent.message(v1Types.Message.fromJSON(message));
    case 'task': {
      const task = v1Types.Task.fromJSON({
        id: taskId,
        contextId,
        status: { state: 'TASK_STATE_SUBMITTED' },
      });
      task.history.push(userMessage);
      return AgentEvent.task(task);
    }
    case 'artifact': {
      const artifact = { artifactId: 'only', name: 'answer', parts };
      const update = { taskId, contextId, artifact };
      return AgentEvent.artifactUpdate(v1Types.TaskArtifactUpdateEvent.fromJSON(update));
    }
    default: {
      const status = { state, ...(words && { message }), timestamp: new Date().toISOString() };
      const update = { taskId, contextId, status };
      return AgentEvent.statusUpdate(v1Types.TaskStatusUpdateEvent.fromJSON(update));
    }
  }
}

function textOf({ parts }) {
  return parts.map(({ text, content }) => text ?? content?.value ?? '').join('');
}

/** The executor of a line; <toEvent> makes its events. */
function executorOf(toEvent) {
  return {
    async execute(context, bus) {
      const { task, userMessage } = context;
      const steps = act(task ? `again, ${textOf(userMessage)}` : textOf(userMessage));
      for (const step of steps.filter(([what]) => !task || what !== 'task')) {
        bus.publish(toEvent(step, context));
      }
      bus.finished();
    },
    async cancelTask(taskId, bus) {
      bus.publish(toEvent(['canceled'], { taskId, contextId: '' }));
      bus.finished();
    },
  };
}

// ---- the servers ----

const card = {
  name: 'sdk agent',
  description: 'an agent of the tests',
  version: '1',
  capabilities: { streaming: true, pushNotifications: false },
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [],
};
const legacyCard = { ...card, url: 'http://127.0.0.1/', protocolVersion: '0.3.0' };

function serveV02(app) {
  const executor = executorOf(legacyEvent);
  const handler = new v02.DefaultRequestHandler(legacyCard, new v02.InMemoryTaskStore(), executor);
  new v02.A2AExpressApp(handler).setupRoutes(app);
}

function serveV03(app) {
  const executor = executorOf(legacyEvent);
  const handler = new v03.DefaultRequestHandler(legacyCard, new v03.InMemoryTaskStore(), executor);
  const { jsonRpcHandler, UserBuilder } = v03Express;
  app.use(jsonRpcHandler({ requestHandler: handler, userBuilder: UserBuilder.noAuthentication }));
}

function serveV1(app) {
  const currentCard = v1Types.AgentCard.fromJSON({
    ...card,
    supportedInterfaces: [
      { url: 'http://127.0.0.1/', protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
    ],
  });
  const executor = executorOf(currentEvent);
  const handler = new v1.DefaultRequestHandler(currentCard, new v1.InMemoryTaskStore(), executor);
  const { jsonRpcHandler, UserBuilder } = v1Express;
  app.use(jsonRpcHandler({ requestHandler: handler, userBuilder: UserBuilder.noAuthentication }));
}

/** <option> is what stands behind the agent's URL in A2A_AGENTS. */
export const servers = [
  { name: '0.2', serve: serveV02, option: 'a2a' },
  { name: '0.3', serve: serveV03, option: 'a2a' },
  { name: '1', serve: serveV1, option: 'a2a=1.0' },
];

/** An agent that listens, closed when <owner> ends; {url, calls: [{headers, method}]}. */
export async function startA2aAgent(owner, { serve }) {
  const calls = [];
  const app = express();
  app.use(express.json(), (request, _reply, next) => {
    const { headers, body } = request;
    calls.push({ headers, method: body.method, params: body.params });
    next();
  });
  serve(app);
  const server = http.createServer(app).listen(0, '127.0.0.1');
  await within(once(server, 'listening'), 'the agent to listen');
  owner.after(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await within(closed, 'the agent to close');
  });
  return { url: `http://127.0.0.1:${server.address().port}/`, calls };
}
