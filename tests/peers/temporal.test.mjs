// SPDX-License-Identifier: MIT
//
// Temporal: the gateway's client against a gRPC server with Temporal's own message definitions, and the example worker,
// which is Temporal's SDK, doing the work. TEMPORAL_URL names a real server to do the last part with.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import grpc from '@grpc/grpc-js';
import { Client, Connection } from '@temporalio/client';

import { makeDirectory } from './harness/directory.mjs';
import { Gateway, startGateway } from './harness/gateway.mjs';
import { Program } from './harness/program.mjs';
import { audience, startIssuer } from './harness/provider.mjs';
import { scopeOf } from './harness/scope.mjs';
import { startDriver } from './harness/temporal_driver.mjs';
import { failureOf, startTemporalServer } from './harness/temporal_server.mjs';
import { waitUntil, within } from './harness/wait.mjs';

const messages = [{ role: 'user', content: 'how many words are these' }];
const examples = fileURLToPath(new URL('../../examples/temporal', import.meta.url));

function payloadOf(value, encoding = 'json/plain') {
  return {
    metadata: { encoding: Buffer.from(encoding) },
    data: Buffer.from(encoding === 'json/plain' ? JSON.stringify(value) : value),
  };
}

function completed(...payloads) {
  return { workflowExecutionCompletedEventAttributes: { result: { payloads } } };
}

function jsonOf({ metadata, data }) {
  assert.equal(Buffer.from(metadata.encoding).toString(), 'json/plain');
  return JSON.parse(Buffer.from(data).toString());
}

async function startedRun(temporal, taskId) {
  return waitUntil(() => temporal.run(taskId), 'the workflow to be started');
}

/** A workflow that runs, and its driver. */
async function begin(t, options = {}) {
  const scope = scopeOf(t);
  const temporal = await startTemporalServer(scope);
  const taskId = randomUUID();
  const driver = startDriver(scope, temporal.address, { taskId, input: messages, ...options });
  const run = await startedRun(temporal, taskId);
  return { scope, temporal, taskId, driver, run };
}

/** A certificate of localhost, signed by itself. */
function makeCertificate(directory) {
  const [key, certificate] = ['key.pem', 'certificate.pem'].map((name) => path.join(directory, name));
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
      .concat(['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'])
      .concat(['-keyout', key, '-out', certificate]),
    { stdio: 'pipe' },
  );
  return { caFile: certificate, key: readFileSync(key), certificate: readFileSync(certificate) };
}

describe('the gateway as a client of Temporal', () => {
  test('a workflow is started with the task, its user and its session', async (t) => {
    const { temporal, taskId, driver, run } = await begin(t);
    run.end(completed(payloadOf({ words: 5, text: 'ä' })));
    assert.deepEqual(await driver.outcome, {
      end: 'completed',
      message: '',
      run: run.runId,
      result: { words: 5, text: 'ä' },
    });
    const { method, request, metadata } = temporal.calls[0];
    assert.equal(method, 'StartWorkflowExecution');
    assert.equal(request.namespace, 'default');
    assert.equal(request.workflowId, taskId);
    assert.equal(request.requestId, taskId);
    assert.equal(request.workflowType.name, 'ProcessChat');
    assert.equal(request.taskQueue.name, 'attach-gateway');
    assert.equal(Number(request.workflowExecutionTimeout.seconds), 30);
    assert.equal(request.input.payloads.length, 1);
    assert.deepEqual(jsonOf(request.input.payloads[0]), messages);
    for (const { fields } of [request.memo, request.header]) {
      assert.deepEqual(
        Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, jsonOf(value)])),
        { 'attach-user': 'user-1', 'attach-session': 'session-1', 'attach-task': taskId },
      );
    }
    assert.equal(metadata['client-name'], 'attach-gateway');
    assert.equal(metadata['temporal-namespace'], 'default');
    assert.equal(metadata.authorization, undefined);
  });

  test('results that are not JSON are described', async (t) => {
    const { driver, run } = await begin(t);
    run.end(completed(payloadOf('secret', 'binary/encrypted')));
    const { end, result } = await driver.outcome;
    assert.equal(end, 'completed');
    assert.deepEqual(result, { encoding: 'binary/encrypted', bytes: 6 });
  });

  test('a workflow without a result gives null', async (t) => {
    const { driver, run } = await begin(t);
    run.end(completed());
    assert.deepEqual((await driver.outcome).result, null);
  });

  test('a large result arrives whole', async (t) => {
    const { driver, run } = await begin(t);
    const text = 'x'.repeat(3_000_000);
    run.end(completed(payloadOf(text)));
    assert.equal((await driver.outcome).result, text);
  });

  for (const [what, attributes, end, message] of [
    [
      'a failure and its cause',
      {
        workflowExecutionFailedEventAttributes: {
          failure: { message: 'Activity task failed', cause: { message: 'no such model' } },
        },
      },
      'failed',
      'workflow failed: Activity task failed: no such model',
    ],
    [
      'a time-out',
      { workflowExecutionTimedOutEventAttributes: {} },
      'timed_out',
      'workflow timed out',
    ],
    [
      'a termination',
      { workflowExecutionTerminatedEventAttributes: { reason: 'by hand' } },
      'terminated',
      'workflow was terminated: by hand',
    ],
  ]) {
    test(`${what} is told`, async (t) => {
      const { driver, run } = await begin(t);
      run.end(attributes);
      const outcome = await driver.outcome;
      assert.equal(outcome.end, end);
      assert.equal(outcome.message, message);
    });
  }

  test('the wait goes over many long polls', async (t) => {
    const scope = scopeOf(t);
    const temporal = await startTemporalServer(scope);
    temporal.pollMs = 50;
    const taskId = randomUUID();
    const driver = startDriver(scope, temporal.address, { taskId });
    const run = await startedRun(temporal, taskId);
    const polls = () =>
      temporal.calls.filter(({ method }) => method === 'GetWorkflowExecutionHistory');
    await waitUntil(() => polls().length >= 3, 'a third poll');
    run.end(completed(payloadOf(1)));
    assert.equal((await driver.outcome).result, 1);
    assert.equal(polls()[0].request.nextPageToken.length, 0);
    assert.equal(Buffer.from(polls()[1].request.nextPageToken).toString(), `${run.runId}\0token`);
  });

  test('a workflow that continues as new is followed', async (t) => {
    const { temporal, driver, run } = await begin(t);
    const next = temporal.addRun(run.start);
    run.end({ workflowExecutionContinuedAsNewEventAttributes: { newExecutionRunId: next.runId } });
    next.end(completed(payloadOf('second')));
    const outcome = await driver.outcome;
    assert.equal(outcome.result, 'second');
    assert.equal(outcome.run, next.runId);
  });

  test('cancel cancels the workflow', async (t) => {
    const { driver, run } = await begin(t);
    driver.cancel();
    const { end, message } = await driver.outcome;
    assert.equal(end, 'canceled');
    assert.equal(message, 'workflow was canceled');
    assert.equal(run.cancelRequested, true);
  });

  test('a workflow may end in its own way after a cancel', async (t) => {
    const { temporal, driver, run } = await begin(t);
    temporal.cancelEnds = false;
    driver.cancel();
    await waitUntil(() => run.cancelRequested, 'the cancel to arrive');
    run.end(completed(payloadOf('cleaned up')));
    const { end, result } = await driver.outcome;
    assert.equal(end, 'completed');
    assert.equal(result, 'cleaned up');
  });

  test('after a kill -9 the same task joins its workflow', async (t) => {
    const { scope, temporal, taskId, driver, run } = await begin(t);
    driver.outcome.catch(() => {});
    await driver.kill();
    const again = startDriver(scope, temporal.address, { taskId });
    await waitUntil(() => temporal.calls.length >= 4, 'the second driver to poll');
    run.end(completed(payloadOf('kept')));
    assert.equal((await again.outcome).result, 'kept');
    assert.equal(temporal.runs.get(taskId).length, 1);
  });

  test('a workflow that ended meanwhile is not run again', async (t) => {
    const { scope, temporal, taskId, driver, run } = await begin(t);
    run.end(completed(payloadOf('once')));
    await driver.outcome;
    const again = startDriver(scope, temporal.address, { taskId });
    assert.equal((await again.outcome).result, 'once');
    assert.equal(temporal.runs.get(taskId).length, 1);
  });

  test('a server that stumbles is asked again', async (t) => {
    const scope = scopeOf(t);
    const temporal = await startTemporalServer(scope);
    temporal.faults = [
      { method: 'StartWorkflowExecution', ...failureOf(grpc.status.UNAVAILABLE, 'starting up') },
      { method: 'StartWorkflowExecution', ...failureOf(grpc.status.RESOURCE_EXHAUSTED, 'busy') },
      { method: 'GetWorkflowExecutionHistory', ...failureOf(grpc.status.INTERNAL, 'oh') },
    ];
    const taskId = randomUUID();
    const driver = startDriver(scope, temporal.address, { taskId });
    (await startedRun(temporal, taskId)).end(completed(payloadOf(1)));
    assert.equal((await driver.outcome).result, 1);
    assert.deepEqual(temporal.faults, []);
  });

  test('what the server refuses is said in its words', async (t) => {
    const scope = scopeOf(t);
    const temporal = await startTemporalServer(scope);
    temporal.faults = [failureOf(grpc.status.PERMISSION_DENIED, 'Request unauthorized: 100 %')];
    const { end, message } = await startDriver(scope, temporal.address, { taskId: 'a' }).outcome;
    assert.equal(end, 'refused');
    assert.equal(
      message,
      'Temporal refuses to start the workflow: PERMISSION_DENIED, Request unauthorized: 100 %',
    );
  });

  test('a server that goes and comes back loses nothing', async (t) => {
    const { scope, temporal, taskId, driver, run } = await begin(t);
    temporal.server.forceShutdown();
    const back = await startTemporalServer(scope, { port: Number(temporal.address.split(':')[1]) });
    back.runs.set(taskId, [run]);
    run.end(completed(payloadOf('still here')));
    assert.equal((await driver.outcome).result, 'still here');
  });

  test('a server that is away is named in the error', async (t) => {
    const scope = scopeOf(t);
    const temporal = await startTemporalServer(scope);
    temporal.server.forceShutdown();
    const driver = startDriver(scope, temporal.address, { taskId: 'a', timeoutMs: 500 });
    const { end, message } = await driver.outcome;
    assert.equal(end, 'unreachable');
    assert.equal(message, 'Temporal cannot be reached');
  });

  test('TLS and the API key, as Temporal Cloud wants them', async (t) => {
    const scope = scopeOf(t);
    const { caFile, key, certificate } = makeCertificate(makeDirectory(scope));
    const credentials = grpc.ServerCredentials.createSsl(null, [
      { private_key: key, cert_chain: certificate },
    ]);
    const temporal = await startTemporalServer(scope, { credentials });
    const address = temporal.address.replace('127.0.0.1', 'localhost');
    const tls = { caFile, apiKey: 'key-1' };
    const taskId = randomUUID();
    const driver = startDriver(scope, address, { taskId, tls });
    (await startedRun(temporal, taskId)).end(completed(payloadOf('sealed')));
    assert.equal((await driver.outcome).result, 'sealed');
    assert.ok(temporal.calls.length >= 2);
    assert.ok(temporal.calls.every(({ metadata }) => metadata.authorization === 'Bearer key-1'));
  });
});

/** Temporal's SDK runs examples/temporal/worker.mjs. */
async function startWorker(scope, address) {
  const directory = makeDirectory(scope);
  cpSync(examples, directory, { recursive: true });
  symlinkSync(fileURLToPath(new URL('node_modules', import.meta.url)), path.join(directory, 'node_modules'));
  const { PATH, HOME } = process.env;
  const worker = new Program(
    process.execPath,
    ['worker.mjs'],
    { PATH, HOME, TEMPORAL_URL: address },
    directory,
  );
  scope.after(async () => assert.equal(await worker.stop(), 0, worker.text()));
  await worker.lineLike(/worker ready: attach-gateway/);
  return worker;
}

describe("the example worker, which is Temporal's own SDK", () => {
  test('it does what the gateway starts', async (t) => {
    const scope = scopeOf(t);
    const temporal = await startTemporalServer(scope);
    await startWorker(scope, temporal.address);
    const driver = startDriver(scope, temporal.address, { taskId: randomUUID(), input: messages });
    assert.equal((await driver.outcome).result, 'Processed 5 tokens');
    const failing = startDriver(scope, temporal.address, { taskId: randomUUID(), input: {} });
    const { end, message } = await failing.outcome;
    assert.equal(end, 'failed');
    assert.equal(message, 'workflow failed: messages must be a list');
    assert.deepEqual(temporal.workerFailures, []);
  });

  test(
    'the same on a real server',
    { skip: process.env.TEMPORAL_URL ? false : 'TEMPORAL_URL names no Temporal server' },
    async (t) => {
      const scope = scopeOf(t);
      const address = process.env.TEMPORAL_URL;
      await startWorker(scope, address);
      const taskId = randomUUID();
      const driver = startDriver(scope, address, { taskId, input: messages });
      assert.equal((await driver.outcome).result, 'Processed 5 tokens');
      const connection = await within(Connection.connect({ address }), 'the connection');
      scope.after(() => connection.close());
      const { memo } = await new Client({ connection }).workflow.getHandle(taskId).describe();
      assert.equal(memo['attach-user'], 'user-1');
    },
  );
});

/** A user, and the options of a gateway that starts workflows at <address>. */
async function openGateway(scope, address, options = {}) {
  const issuer = await startIssuer(scope);
  const settings = {
    OIDC_ISSUER: issuer.url,
    OIDC_AUD: audience,
    ENGINE_URL: 'http://127.0.0.1:1',
    TEMPORAL_URL: address,
    A2A_WORKFLOWS: 'ProcessChat',
    ATTACH_DATA_DIR: makeDirectory(scope),
    ...options,
  };
  const token = await issuer.token();
  return { settings, token, ask: askerOf(token) };
}

/** ask(gateway, path, body) -> {status, body} */
function askerOf(token) {
  return async (gateway, path, body) => {
    const reply = await fetch(gateway.url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: reply.status, body: await reply.json() };
  };
}

async function sendWorkflow(ask, gateway) {
  const task = { input: { messages }, target_url: 'temporal://ProcessChat' };
  const { status, body } = await ask(gateway, '/a2a/tasks/send', task);
  assert.equal(status, 200, JSON.stringify(body));
  return body.task_id;
}

async function endOf(ask, gateway, id) {
  return waitUntil(async () => {
    const { body } = await ask(gateway, `/a2a/tasks/status/${id}`);
    return ['done', 'error'].includes(body.state) && body;
  }, 'the task to end');
}

describe('a task that is a workflow', () => {
  test('the example client gets its answer through the gateway', async (t) => {
    const scope = scopeOf(t);
    const temporal = await startTemporalServer(scope);
    await startWorker(scope, temporal.address);
    const { settings, token } = await openGateway(scope, temporal.address);
    const gateway = await startGateway(scope, settings);
    const client = new Program(
      process.execPath,
      [path.join(examples, 'client.mjs'), 'one two three'],
      { PATH: process.env.PATH, GATEWAY_URL: gateway.url, TOKEN: token },
    );
    const { code } = await within(client.ended, 'the example client to end');
    assert.equal(code, 0, client.text());
    assert.equal(client.output, '"Processed 3 tokens"\n');
    const { request } = temporal.calls.find(({ method }) => method === 'StartWorkflowExecution');
    const [, id] = /^task ([0-9a-f]{32})$/m.exec(client.lines.join('\n'));
    assert.equal(request.workflowId, id);
    const user = request.memo.fields['attach-user'];
    assert.equal(jsonOf(user), 'agent-one');
    assert.deepEqual(temporal.workerFailures, []);
  });

  test('the failure of a workflow is the error of its task', async (t) => {
    const scope = scopeOf(t);
    const temporal = await startTemporalServer(scope);
    const { settings, ask } = await openGateway(scope, temporal.address);
    const gateway = await startGateway(scope, settings);
    const id = await sendWorkflow(ask, gateway);
    const run = await startedRun(temporal, id);
    run.end({ workflowExecutionFailedEventAttributes: { failure: { message: 'no words' } } });
    const { state, result } = await endOf(ask, gateway, id);
    assert.equal(state, 'error');
    assert.equal(result.detail, 'workflow failed: no words');
  });

  test('to cancel the task is to cancel the workflow', async (t) => {
    const scope = scopeOf(t);
    const temporal = await startTemporalServer(scope);
    const { settings, ask } = await openGateway(scope, temporal.address);
    const gateway = await startGateway(scope, settings);
    const id = await sendWorkflow(ask, gateway);
    const run = await startedRun(temporal, id);
    assert.equal((await ask(gateway, `/a2a/tasks/cancel/${id}`, {})).status, 200);
    await waitUntil(() => run.cancelRequested, 'the workflow to be canceled');
    const { state, result } = await endOf(ask, gateway, id);
    assert.equal(state, 'error');
    assert.match(result.detail, /cancel/);
  });

  test('after a kill -9 of the gateway the task has its result all the same', async (t) => {
    const scope = scopeOf(t);
    const temporal = await startTemporalServer(scope);
    const { settings, ask } = await openGateway(scope, temporal.address);
    const first = new Gateway(makeDirectory(scope), settings);
    scope.after(() => first.program.child.kill('SIGKILL'));
    await first.learnAddresses();
    await first.waitReady();
    const id = await sendWorkflow(ask, first);
    const run = await startedRun(temporal, id);
    first.program.child.kill('SIGKILL');
    await within(first.program.ended, 'the gateway to be gone');
    run.end(completed(payloadOf('kept')));
    const second = await startGateway(scope, settings);
    const { state, result } = await endOf(ask, second, id);
    assert.equal(state, 'done');
    assert.equal(result, 'kept');
    assert.equal(temporal.runs.get(id).length, 1);
  });

  test('only workflows that are listed are started', async (t) => {
    const scope = scopeOf(t);
    const temporal = await startTemporalServer(scope);
    const { settings, ask } = await openGateway(scope, temporal.address);
    const gateway = await startGateway(scope, settings);
    for (const url of ['temporal://Other', 'temporal://processchat', 'temporal://ProcessChat/x']) {
      const task = { input: { messages }, target_url: url };
      assert.equal((await ask(gateway, '/a2a/tasks/send', task)).status, 403, url);
    }
    assert.deepEqual(temporal.calls, []);
  });

  test('a Temporal that is away makes the task an error, which says so', async (t) => {
    const scope = scopeOf(t);
    const temporal = await startTemporalServer(scope);
    temporal.server.forceShutdown();
    const { settings, ask } = await openGateway(scope, temporal.address, { A2A_TASK_TIMEOUT: '1s' });
    const gateway = await startGateway(scope, settings);
    const { state, result } = await endOf(ask, gateway, await sendWorkflow(ask, gateway));
    assert.equal(state, 'error');
    assert.equal(result.detail, 'Temporal cannot be reached');
  });
});
