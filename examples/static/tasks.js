// SPDX-License-Identifier: MIT
//
// tasks.js - the user's tasks, those that agents sent on included, and a way to cancel them.
import { $, button, complain, make, timeOf } from './dom.js';

const looks = {
  TASK_STATE_COMPLETED: ['done', 'done'],
  TASK_STATE_FAILED: ['failed', 'failed'],
  TASK_STATE_REJECTED: ['failed', 'refused'],
  TASK_STATE_CANCELED: ['failed', 'canceled'],
  TASK_STATE_WORKING: ['busy', 'working'],
  TASK_STATE_SUBMITTED: ['busy', 'queued'],
};

function inputOf(task) {
  const part = task.history?.at(-1)?.parts?.[0] ?? {};
  const data = part.data ?? {};
  if (data.mem_id) {
    return `the plan ${data.mem_id}`;
  }
  return part.text ?? data.messages?.at(-1)?.content ?? data.prompt ?? JSON.stringify(data);
}

export class Tasks {
  constructor(gateway, onTrouble) {
    this.gateway = gateway;
    this.onTrouble = onTrouble;
    this.drawn = '';
  }

  async refresh() {
    await this.guarded(async () => {
      const { tasks = [] } = await this.gateway.rpc(null, 'ListTasks', { pageSize: 20, historyLength: 1 });
      const drawn = JSON.stringify(tasks.map(({ id, status }) => [id, status.state]));
      if (drawn !== this.drawn) {
        this.drawn = drawn;
        $('tasks').replaceChildren(...tasks.map((task) => this.make(task)));
      }
      $('tasks-empty').hidden = tasks.length > 0;
      $('tasks-refresh').hidden = false;
    });
  }

  async cancel(id) {
    await this.guarded(async () => {
      await this.gateway.ask(`/a2a/tasks/cancel/${encodeURIComponent(id)}`, { method: 'POST' });
    });
    await this.refresh();
  }

  async guarded(work) {
    try {
      await work();
      complain('tasks-error', null);
    } catch (error) {
      complain('tasks-error', error);
      this.onTrouble(error);
    }
  }

  forget() {
    this.drawn = '';
    $('tasks').replaceChildren();
    $('tasks-empty').hidden = false;
    $('tasks-refresh').hidden = true;
  }

  make(task) {
    const [look, word] = looks[task.status.state] ?? ['', task.status.state];
    const head = make(
      'div',
      'head',
      make('span', `badge ${look}`, word),
      make('span', 'time', timeOf(task.status.timestamp)),
      make('span', 'time', task.id.slice(0, 8)),
    );
    if (look === 'busy') {
      const cancel = button('Cancel', 'small', () => this.cancel(task.id));
      cancel.setAttribute('aria-label', `Cancel the task ${task.id.slice(0, 8)}`);
      head.append(cancel);
    }
    const element = make('li', '', head, make('p', 'words', inputOf(task)));
    const why = task.status.message?.parts?.[0]?.text;
    if (why) {
      element.append(make('p', 'words', why));
    }
    element.dataset.id = task.id;
    return element;
  }
}
