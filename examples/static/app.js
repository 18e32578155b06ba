// SPDX-License-Identifier: MIT
//
// app.js - the page: who is logged in, what is asked, and the three views that show what comes of it.
import { $, complain } from './dom.js';
import { Gateway, Trouble, linesOf, randomId } from './gateway.js';
import { HandOff } from './handoff.js';
import { finishLogin, startLogin } from './login.js';
import { Memory } from './memory.js';
import { Tasks } from './tasks.js';

const pollMs = 400;

/** Where the gateway is: ?gateway=, else where this page comes from when that is a gateway, else its usual place. */
function firstGateway() {
  const named = new URLSearchParams(location.search).get('gateway');
  if (named && /^https?:\/\//.test(named)) {
    return named;
  }
  return location.pathname.startsWith('/demo/') ? location.origin : 'http://localhost:8080';
}

let gateway;
let memory;
let tasks;
let config = null;
let user = '';
let running = null; // what Cancel ends

/* ---- who ---- */

function useGateway(url) {
  gateway = new Gateway(url);
  memory = new Memory(gateway, troubled);
  tasks = new Tasks(gateway, troubled);
  $('gateway').value = gateway.url;
}

async function askHowToLogIn() {
  const hint = $('log-in-hint');
  $('log-in').disabled = true;
  config = null;
  hint.textContent = 'Asking the gateway how to log in ...';
  try {
    config = await gateway.json('/auth/config');
    complain('login-error', null);
  } catch (error) {
    hint.textContent = 'Change the address, or start it: script/server --demo';
    complain('login-error', error);
    return;
  }
  const isComplete = Boolean(config.domain && config.client_id);
  $('log-in').disabled = !isComplete || !window.isSecureContext;
  hint.textContent = !isComplete
    ? 'This gateway names no login page (AUTH0_DOMAIN, AUTH0_CLIENT): paste a token.'
    : window.isSecureContext
      ? `at ${config.domain}`
      : 'Logging in needs https or localhost: paste a token.';
}

/** True when the gateway takes the token. Nothing is shown as logged in before it said so. */
async function enter(token) {
  gateway.useToken(token);
  try {
    const reply = await gateway.ask('/mem/events?limit=1');
    await reply.arrayBuffer();
    user = reply.headers.get('x-attach-user') ?? 'you';
  } catch (error) {
    gateway.forgetToken();
    complain('login-error', error);
    return;
  }
  complain('login-error', null);
  $('who').textContent = `Logged in as ${user}`;
  $('log-out').hidden = false;
  $('login').hidden = true;
  $('request').focus();
  await Promise.all([memory.refresh(), tasks.refresh(), offerModels()]);
}

function leave(sentence) {
  gateway.forgetToken();
  running?.abort();
  $('who').textContent = 'Not logged in';
  $('log-out').hidden = true;
  $('login').hidden = false;
  if (sentence) {
    complain('login-error', sentence);
  }
}

/** From every view: an expired token sends back to the login, with the page left as it is. */
function troubled(error) {
  if (error instanceof Trouble && error.isExpired && gateway.hasToken) {
    leave(error);
  }
}

async function offerModels() {
  let names = [];
  try {
    const { models = [] } = await gateway.json('/api/tags');
    names = models.map((model) => model.name);
  } catch {
    try {
      const { data = [] } = await gateway.json('/v1/models');
      names = data.map((model) => model.id);
    } catch {
      return; // the field takes any name
    }
  }
  const options = names.slice(0, 100).map((name) => {
    const option = document.createElement('option');
    option.value = name;
    return option;
  });
  $('models').replaceChildren(...options);
  if (names.length > 0 && !names.includes($('model').value)) {
    $('model').value = names[0];
  }
}

/* ---- asking ---- */

function showAnswer(text) {
  $('answer-card').hidden = false;
  $('answer').textContent = text;
}

/** Follows memory and tasks until <isOver> and what came late has been seen. */
async function follow(handOff, isOver) {
  for (let late = 0; late < 5 && gateway.hasToken; ) {
    try {
      handOff.take(await memory.ofThisPage());
    } catch (error) {
      complain('memory-error', error);
      troubled(error);
    }
    await Promise.all([memory.refresh(), tasks.refresh()]);
    if (isOver()) {
      late = handOff.isSettled ? 5 : late + 1;
    }
    if (late < 5) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}

/** A task for an agent, by A2A: its states and its answer come as a stream. */
async function askAgent(agent, body, handOff, signal) {
  const message = { messageId: randomId(), role: 'ROLE_USER', parts: [{ data: body }] };
  let last = '';
  let why = '';
  let taskId = '';
  const cancel = () => taskId && tasks.cancel(taskId);
  signal.addEventListener('abort', cancel);
  const stream = gateway.rpcStream(agent, 'SendStreamingMessage', { message }, { requestId: handOff.requestId });
  try {
    for await (const event of stream) {
      const status = event.task?.status ?? event.statusUpdate?.status;
      taskId = event.task?.id ?? taskId;
      if (signal.aborted) {
        cancel();
      }
      if (status) {
        last = status.state;
        why = status.message?.parts?.[0]?.text ?? why;
        handOff.stateOf(last);
      }
      const parts = event.artifactUpdate?.artifact?.parts ?? event.task?.artifacts?.[0]?.parts;
      if (parts) {
        showAnswer(parts.map((part) => part.text ?? JSON.stringify(part.data)).join('\n'));
      }
    }
  } finally {
    signal.removeEventListener('abort', cancel);
  }
  if (last === 'TASK_STATE_CANCELED') {
    throw new Trouble('The task was canceled.');
  }
  if (last !== 'TASK_STATE_COMPLETED') {
    throw new Trouble(`The ${agent} failed: ${why || 'it does not say why'}. The hand-off below says where.`);
  }
}

/** One piece of an engine's stream: Ollama's lines or OpenAI's events. */
function pieceOf(line) {
  const text = line.startsWith('data:') ? line.slice(5).trim() : line.trim();
  if (!text || text === '[DONE]' || !text.startsWith('{')) {
    return '';
  }
  const piece = JSON.parse(text);
  if (piece.error) {
    throw new Trouble(`The engine broke off: ${piece.error.message ?? piece.error}`);
  }
  return piece.message?.content ?? piece.choices?.[0]?.delta?.content ?? '';
}

async function askEngine(body, handOff, signal) {
  const reply = await gateway.ask('/api/chat', {
    json: { ...body, stream: true },
    headers: { 'X-Request-Id': handOff.requestId },
    signal,
  });
  handOff.stateOf('working');
  let text = '';
  for await (const line of linesOf(reply.body)) {
    text += pieceOf(line);
    showAnswer(text);
  }
  handOff.stateOf('completed');
}

async function send() {
  const target = new FormData($('ask')).get('target');
  const body = { model: $('model').value.trim(), messages: [{ role: 'user', content: $('request').value.trim() }] };
  const handOff = new HandOff({ requestId: `demo-${randomId()}`, user, target });
  let isOver = false;
  let state = 'done';
  running = new AbortController();
  complain('ask-error', null);
  $('answer-card').hidden = true;
  setBusy(true);
  const following = follow(handOff, () => isOver);
  try {
    const { signal } = running;
    await (target === 'engine' ? askEngine(body, handOff, signal) : askAgent(target, body, handOff, signal));
  } catch (error) {
    state = error.name === 'AbortError' || /canceled/.test(error.message) ? 'canceled' : 'error';
    complain('ask-error', error.name === 'AbortError' ? 'You canceled it.' : error);
    handOff.stateOf(state === 'canceled' ? 'canceled' : 'failed');
    troubled(error);
  }
  isOver = true;
  running = null;
  setBusy(false);
  await following;
  handOff.end(state);
}

function setBusy(isBusy) {
  $('send').disabled = isBusy;
  $('stop').hidden = !isBusy;
}

/* ---- what the person does ---- */

function on(id, event, act) {
  $(id).addEventListener(event, (happened) => {
    if (event === 'submit') {
      happened.preventDefault();
    }
    act(happened);
  });
}

function needsLogin() {
  if (!gateway.hasToken) {
    complain('ask-error', 'Log in first.');
    $('token').focus();
  }
  return !gateway.hasToken;
}

on('log-in', 'click', () => {
  startLogin(config, gateway.url).catch((error) => complain('login-error', error));
});
on('token-form', 'submit', () => {
  const token = $('token').value.trim();
  $('token').value = '';
  enter(token);
});
on('gateway-form', 'submit', () => {
  useGateway($('gateway').value.trim());
  memory.forget();
  tasks.forget();
  askHowToLogIn();
});
on('log-out', 'click', () => {
  leave(null);
  memory.forget();
  tasks.forget();
  $('hops').replaceChildren();
  $('hops-empty').hidden = false;
  $('answer-card').hidden = true;
});
on('ask', 'submit', () => {
  if (!running && !needsLogin()) {
    send();
  }
});
on('request', 'keydown', (happened) => {
  if (happened.key === 'Enter' && (happened.ctrlKey || happened.metaKey)) {
    happened.preventDefault();
    $('ask').requestSubmit();
  }
});
on('stop', 'click', () => running?.abort());
on('search', 'submit', () => gateway.hasToken && memory.refresh());
on('words', 'search', () => gateway.hasToken && memory.refresh());
on('this-session', 'change', () => gateway.hasToken && memory.refresh());
on('more', 'click', () => memory.older());
on('erase-all', 'click', () => memory.eraseAll());
on('tasks-refresh', 'click', () => tasks.refresh());

useGateway(firstGateway());
let returned = null;
let refusal = null;
try {
  returned = await finishLogin();
} catch (error) {
  refusal = error;
}
if (returned) {
  useGateway(returned.gatewayUrl);
}
await askHowToLogIn();
if (returned) {
  await enter(returned.token);
}
if (refusal) {
  complain('login-error', refusal);
}
