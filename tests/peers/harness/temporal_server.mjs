// SPDX-License-Identifier: MIT
//
// temporal_server.mjs - a Temporal server in memory, as far as one workflow with one step goes: @grpc/grpc-js carries it,
// and every message is read and written by the definitions of @temporalio/proto. Starting, waiting, canceling, and handing
// workflow tasks to a worker behave as Temporal's own server does; a test says what is to go wrong.
//
// A workflow ends when a worker that polls completes it (the real SDK's, for instance), or when the test says how.
import { randomUUID } from 'node:crypto';

import grpc from '@grpc/grpc-js';
import protos from '@temporalio/proto';

const { enums, workflowservice } = protos.temporal.api;
const { EventType, CommandType, TaskQueueKind } = enums.v1;
const serviceName = 'temporal.api.workflowservice.v1.WorkflowService';

export function failureOf(code, details) {
  return { code, details };
}

/** The handlers' table, made from the service's own definition. */
function definitionOf(service) {
  return Object.fromEntries(
    service.methodsArray.map((method) => {
      method.resolve();
      const { resolvedRequestType: request, resolvedResponseType: response } = method;
      return [
        method.name,
        {
          path: `/${serviceName}/${method.name}`,
          requestStream: false,
          responseStream: false,
          requestSerialize: (value) => Buffer.from(request.encode(value).finish()),
          requestDeserialize: (bytes) => request.decode(bytes),
          responseSerialize: (value) =>
            Buffer.from(response.encode(response.fromObject(value)).finish()),
          responseDeserialize: (bytes) => response.decode(bytes),
        },
      ];
    }),
  );
}

const closing = {
  workflowExecutionCompletedEventAttributes: EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
  workflowExecutionFailedEventAttributes: EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
  workflowExecutionTimedOutEventAttributes: EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
  workflowExecutionCanceledEventAttributes: EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
  workflowExecutionTerminatedEventAttributes: EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
  workflowExecutionContinuedAsNewEventAttributes:
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
};

function now() {
  const milliseconds = Date.now();
  return { seconds: Math.floor(milliseconds / 1000), nanos: (milliseconds % 1000) * 1e6 };
}

class Run {
  runId = randomUUID();
  closeEvent = null;
  cancelRequested = false;

  constructor(start) {
    this.start = start;
  }

  /** Ends it: end({workflowExecutionFailedEventAttributes: {...}}). */
  end(attributes) {
    const [name] = Object.keys(attributes);
    this.closeEvent = { eventId: 5, eventTime: now(), eventType: closing[name], ...attributes };
  }

  /** What a worker gets: the history until its first task. */
  history() {
    const { workflowType, taskQueue, input, header, memo, workflowId } = this.start;
    return {
      events: [
        {
          eventId: 1,
          eventTime: now(),
          eventType: EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
          workflowExecutionStartedEventAttributes: {
            workflowType,
            taskQueue,
            input,
            header,
            memo,
            workflowId,
            originalExecutionRunId: this.runId,
            firstExecutionRunId: this.runId,
            attempt: 1,
            workflowTaskTimeout: { seconds: 10 },
          },
        },
        {
          eventId: 2,
          eventTime: now(),
          eventType: EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
          workflowTaskScheduledEventAttributes: {
            taskQueue,
            startToCloseTimeout: { seconds: 10 },
            attempt: 1,
          },
        },
        {
          eventId: 3,
          eventTime: now(),
          eventType: EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
          workflowTaskStartedEventAttributes: { scheduledEventId: 2, requestId: this.runId },
        },
      ],
    };
  }
}

export class TemporalServer {
  /** {method, request, metadata} of every call of a client (not of workers). */
  calls = [];
  runs = new Map(); // workflow id -> its runs
  tasks = []; // runs that wait for a worker
  faults = []; // failures to answer the next calls with, before anything else: {method, code, details}
  workerFailures = [];
  pollMs = 1000; // of a long poll

  handlers = {
    StartWorkflowExecution: (request) => this.start(request),
    GetWorkflowExecutionHistory: (request, call) => this.history(request, call),
    RequestCancelWorkflowExecution: (request) => this.cancel(request),
    GetSystemInfo: () => ({ serverVersion: '1.31.0', capabilities: {} }),
    DescribeNamespace: ({ namespace }) => ({
      namespaceInfo: { name: namespace, id: namespace, state: 1 },
    }),
    PollWorkflowTaskQueue: (request, call) => this.pollWorkflow(request, call),
    PollActivityTaskQueue: (request, call) => this.pollNothing(call),
    PollNexusTaskQueue: (request, call) => this.pollNothing(call),
    RespondWorkflowTaskCompleted: (request) => this.complete(request),
    RespondWorkflowTaskFailed: (request) => {
      this.workerFailures.push(request.failure?.message ?? 'workflow task failed');
      return {};
    },
    ShutdownWorker: () => ({}),
    RecordWorkerHeartbeat: () => ({}),
  };

  constructor() {
    this.server = new grpc.Server();
    const definition = definitionOf(protos.root.lookupService(serviceName));
    this.server.addService(
      definition,
      Object.fromEntries(
        Object.keys(definition).map((method) => [
          method,
          (call, answer) =>
            this.take(method, call).then(
              (reply) => answer(null, reply),
              (error) =>
                answer(
                  error.code === undefined ? { code: 13, details: String(error.stack) } : error,
                ),
            ),
        ]),
      ),
    );
  }

  async take(method, call) {
    const handler = this.handlers[method];
    if (handler === undefined) {
      throw failureOf(grpc.status.UNIMPLEMENTED, method);
    }
    if (!/^(Poll|Respond|Shutdown|Record|Describe|GetSystem)/.test(method)) {
      this.calls.push({ method, request: call.request, metadata: call.metadata.getMap() });
      const fault = this.faults.findIndex((one) => one.method === undefined || one.method === method);
      if (fault >= 0) {
        throw this.faults.splice(fault, 1)[0];
      }
    }
    return handler(call.request, call);
  }

  latest(workflowId) {
    const run = this.runs.get(workflowId)?.at(-1);
    if (run === undefined) {
      throw failureOf(grpc.status.NOT_FOUND, `workflow not found for ID: ${workflowId}`);
    }
    return run;
  }

  /** The latest run of a workflow, once it was started. */
  run(workflowId) {
    return this.runs.get(workflowId)?.at(-1);
  }

  addRun(start) {
    const run = new Run(start);
    this.runs.set(start.workflowId, [...(this.runs.get(start.workflowId) ?? []), run]);
    this.tasks.push(run);
    return run;
  }

  start(request) {
    const there = this.run(request.workflowId);
    if (there !== undefined && there.closeEvent === null && there.start.requestId === request.requestId) {
      return { runId: there.runId, started: true };
    }
    if (there !== undefined) {
      throw failureOf(grpc.status.ALREADY_EXISTS, 'Workflow execution already started.');
    }
    return { runId: this.addRun(request).runId, started: true };
  }

  /** Waits as the server does: until there is a close event, the client leaves, or the poll is over. */
  async waiting(call, look) {
    const end = performance.now() + this.pollMs;
    for (;;) {
      const seen = look();
      if (seen || call.cancelled || performance.now() > end) {
        return seen;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async history(request, call) {
    const { workflowId, runId } = request.execution;
    const run = runId
      ? this.runs.get(workflowId)?.find((one) => one.runId === runId)
      : this.latest(workflowId);
    if (run === undefined) {
      throw failureOf(grpc.status.NOT_FOUND, `workflow not found for ID: ${workflowId}`);
    }
    if (
      !request.waitNewEvent ||
      request.historyEventFilterType !==
        enums.v1.HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
    ) {
      throw failureOf(grpc.status.UNIMPLEMENTED, 'only long polls for the close event');
    }
    if (await this.waiting(call, () => run.closeEvent)) {
      return { history: { events: [run.closeEvent] } };
    }
    return { history: {}, nextPageToken: Buffer.from(`${run.runId}\0token`) };
  }

  cancel(request) {
    const run = this.latest(request.workflowExecution.workflowId);
    if (run.closeEvent !== null) {
      throw failureOf(grpc.status.NOT_FOUND, 'workflow execution already completed');
    }
    run.cancelRequested = true;
    if (this.cancelEnds !== false) {
      run.end({ workflowExecutionCanceledEventAttributes: {} });
    }
    return {};
  }

  // --- workers ---

  async pollNothing(call) {
    await this.waiting(call, () => false);
    return {};
  }

  async pollWorkflow(request, call) {
    if (request.taskQueue.kind === TaskQueueKind.TASK_QUEUE_KIND_STICKY) {
      return this.pollNothing(call);
    }
    const take = () => {
      const index = this.tasks.findIndex(
        (run) => run.closeEvent === null && run.start.taskQueue.name === request.taskQueue.name,
      );
      return index < 0 ? undefined : this.tasks.splice(index, 1)[0];
    };
    const run = await this.waiting(call, take);
    if (!run) {
      return {};
    }
    return {
      taskToken: Buffer.from(`${run.start.workflowId}\n${run.runId}`),
      workflowExecution: { workflowId: run.start.workflowId, runId: run.runId },
      workflowType: run.start.workflowType,
      workflowExecutionTaskQueue: run.start.taskQueue,
      startedEventId: 3,
      attempt: 1,
      history: run.history(),
      scheduledTime: now(),
      startedTime: now(),
    };
  }

  complete(request) {
    const [workflowId, runId] = Buffer.from(request.taskToken).toString().split('\n');
    const run = this.runs.get(workflowId).find((one) => one.runId === runId);
    for (const command of request.commands) {
      if (command.commandType === CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION) {
        const { result } = command.completeWorkflowExecutionCommandAttributes;
        run.end({ workflowExecutionCompletedEventAttributes: { result } });
      } else if (command.commandType === CommandType.COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION) {
        const { failure } = command.failWorkflowExecutionCommandAttributes;
        run.end({ workflowExecutionFailedEventAttributes: { failure } });
      } else {
        this.workerFailures.push(`command ${CommandType[command.commandType]} is not known here`);
      }
    }
    return {};
  }
}

/** A server that listens, on TLS when there are <credentials>; ended when <owner> ends. */
export async function startTemporalServer(
  owner,
  { credentials = grpc.ServerCredentials.createInsecure(), port = 0 } = {},
) {
  const temporal = new TemporalServer();
  const bound = await new Promise((resolve, reject) => {
    temporal.server.bindAsync(`127.0.0.1:${port}`, credentials, (error, number) =>
      error ? reject(error) : resolve(number),
    );
  });
  temporal.address = `127.0.0.1:${bound}`;
  owner.after(() => temporal.server.forceShutdown());
  return temporal;
}
