// SPDX-License-Identifier: MIT
//
// handoff.js - one request on its way through the agents, drawn as a list of hops while it happens.
//
// Everything shown is read from the user's own memory. Each agent adds its name to the request id that it calls the
// gateway with, so that "ID/planner/coder" is what the coder did for the planner; the gateway's rows task_sent and
// task_result say when a hop began and ended.
import { $, duration, make, setText } from './dom.js';

const states = {
  queued: ['busy', 'queued'],
  working: ['busy', 'working'],
  done: ['done', 'done'],
  error: ['failed', 'failed'],
  canceled: ['failed', 'canceled'],
};

export class HandOff {
  constructor({ requestId, user, target }) {
    this.requestId = requestId;
    this.user = user;
    this.target = target;
    this.rows = new Map();
    this.hops = new Map(); // by path: "/planner", "/planner/coder"
    this.began = Date.now();
    $('hops').replaceChildren();
    $('hops-empty').hidden = true;
    this.hop(`/${target}`).began = this.began;
    this.timer = setInterval(() => this.draw(), 100);
    this.draw();
  }

  hop(path) {
    if (!this.hops.has(path)) {
      this.hops.set(path, { path, state: 'queued', steps: new Map(), began: Date.now(), ended: 0, taskId: '' });
    }
    return this.hops.get(path);
  }

  /** The path below this request that <id> names, or null when it is another's. */
  pathOf(id) {
    return typeof id === 'string' && id.startsWith(this.requestId) ? id.slice(this.requestId.length) : null;
  }

  /** What the stream of the first task says. */
  stateOf(state) {
    const hop = this.hop(`/${this.target}`);
    const short = state.replace('TASK_STATE_', '').toLowerCase();
    const known = { submitted: 'queued', working: 'working', completed: 'done', canceled: 'canceled' };
    hop.state = known[short] ?? 'error';
    if (!['queued', 'working'].includes(hop.state)) {
      hop.ended ||= Date.now();
    }
  }

  /** Rows of memory, in any order, as often as they come. */
  take(events) {
    for (const row of [...events].reverse()) {
      const id = row._additional?.id;
      if (!this.rows.has(id)) {
        this.takeRow(row, id);
      }
    }
    this.draw();
  }

  takeRow(row, id) {
    const path = this.pathOf(row.request_id ?? row.run_id ?? row.payload?.run_id);
    if (path === null) {
      return;
    }
    this.rows.set(id, row);
    const at = Date.parse(row.timestamp);
    if (row.event === 'task_sent') {
      const hop = this.hop(`${path}/${row.agent ?? 'engine'}`);
      hop.began = at;
      hop.taskId = row.task_id;
      hop.state = hop.state === 'queued' ? 'working' : hop.state;
    } else if (row.event === 'task_result') {
      const hop = this.hop(`${path}/${row.agent ?? 'engine'}`);
      const detail = row.result?.detail;
      hop.state = row.state === 'done' ? 'done' : detail === 'canceled' ? 'canceled' : 'error';
      hop.ended = at;
      if (hop.state === 'error') {
        hop.steps.set(id, { at, isBad: true, text: String(detail ?? 'it failed') });
      }
    } else if (row.event === 'exchange') {
      this.hop(path || `/${this.target}`).steps.set(id, exchangeStep(row, at));
    } else {
      const name = row.agent ?? row.payload?.by;
      const isBad = row.level === 'error' || row.level === 'fatal';
      const text = row.event === 'log' ? row.message : `wrote "${row.event}" to memory (${id})`;
      this.hop(name ? `${path}/${name}` : path).steps.set(id, { at, isBad, text });
    }
  }

  /** No more will come. */
  end(state) {
    clearInterval(this.timer);
    for (const hop of this.hops.values()) {
      if (!hop.ended) {
        hop.state = hop.path === `/${this.target}` ? state : hop.state;
        hop.ended = Date.now();
      }
    }
    this.draw();
  }

  get isSettled() {
    return [...this.hops.values()].every((hop) => hop.ended > 0);
  }

  draw() {
    for (const hop of [...this.hops.values()].sort((a, b) => a.path.length - b.path.length)) {
      hop.element ??= this.makeHop(hop);
      this.drawHop(hop);
    }
  }

  makeHop(hop) {
    const names = hop.path.split('/').slice(1);
    const agent = names.at(-1);
    const caller = names.length > 1 ? `the ${names.at(-2)}` : 'you';
    hop.badge = make('span', 'badge');
    hop.time = make('span', 'time');
    hop.list = make('ul', 'steps');
    const title = make('p', 'hop-title', agent === 'engine' ? 'Engine' : agent[0].toUpperCase() + agent.slice(1));
    const whom =
      agent === 'engine'
        ? `answers ${this.user}`
        : `acts for ${this.user}, called by ${caller}`;
    const element = make('li', '', make('div', 'head', title, hop.badge, hop.time), make('p', 'chain', whom), hop.list);
    element.dataset.hop = hop.path;
    $('hops').append(element);
    return element;
  }

  drawHop(hop) {
    const [look, word] = states[hop.state];
    hop.element.className = look;
    hop.badge.className = `badge ${look}`;
    setText(hop.badge, word);
    // Rows are stamped by the gateway's clock, waits are counted by ours: close enough for a tenth of a second.
    setText(hop.time, duration(Math.max(0, (hop.ended || Date.now()) - hop.began)));
    const steps = [...hop.steps.values()].sort((a, b) => a.at - b.at);
    const start = this.hop(`/${this.target}`).began;
    while (hop.list.children.length < steps.length) {
      hop.list.append(make('li', '', make('span', 'time'), make('span', '')));
    }
    steps.forEach((step, index) => {
      const line = hop.list.children[index];
      line.className = step.isBad ? 'bad' : '';
      setText(line.children[0], `+${duration(Math.max(0, step.at - start))}`);
      setText(line.children[1], step.text);
    });
  }
}

function exchangeStep(row, at) {
  const took = duration(Date.parse(row.ended) - Date.parse(row.started));
  if (row.status !== 200 || row.aborted) {
    const why = row.aborted ? 'was left before its end' : `answered HTTP ${row.status}`;
    return { at, isBad: true, text: `the engine ${why} after ${took}` };
  }
  const tokens = row.tokens_out === undefined ? '' : `, ${row.tokens_in ?? '?'} tokens in, ${row.tokens_out} out`;
  return { at, isBad: false, text: `asked the engine (${row.model ?? 'no model'}${tokens}): ${took}` };
}
