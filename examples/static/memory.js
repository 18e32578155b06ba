// SPDX-License-Identifier: MIT
//
// memory.js - the user's rows of memory: read, searched, erased. They hold whatever anybody said: text, nothing else.
import { $, button, complain, isSure, make, timeOf } from './dom.js';

const pageSize = 20;

/** One line that says what a row holds. */
function wordsOf(row) {
  switch (row.event) {
    case 'exchange':
      return [row.prompt, row.completion].filter(Boolean).join(' → ') || 'kept without its text';
    case 'log':
      return row.message;
    case 'task_result':
      return row.result?.detail ?? row.result?.message?.content ?? JSON.stringify(row.result ?? null);
    case 'plan':
      return row.payload?.plan ?? JSON.stringify(row.payload ?? null);
    case 'task_sent':
      return sentOf(row.payload ?? {});
    default:
      return JSON.stringify(row.payload ?? row.result ?? null);
  }
}

/** What a task asks for: a chat body, an A2A message around one, or the id of a document. */
function sentOf(payload) {
  const body = payload.parts?.[0]?.data ?? payload;
  const text = payload.parts?.[0]?.text ?? body.messages?.at?.(-1)?.content ?? body.prompt;
  return text ?? (body.mem_id ? `the document ${body.mem_id}` : JSON.stringify(payload));
}

export class Memory {
  constructor(gateway, onTrouble) {
    this.gateway = gateway;
    this.onTrouble = onTrouble;
    this.shown = new Map(); // id -> element
    this.erased = new Set(); // an answer that was under way may still bring them
    this.isFirst = true;
  }

  path(limit, before) {
    const query = new URLSearchParams({ limit });
    const words = $('words').value.trim();
    if (words) {
      query.set('q', words);
    }
    if ($('this-session').checked) {
      query.set('session', this.gateway.session);
    }
    if (before) {
      query.set('before', before);
    }
    return `/mem/events?${query}`;
  }

  async read(path) {
    const body = await this.gateway.json(path);
    return { rows: body.data.Get.MemoryEvent, cursor: body.cursor };
  }

  /** The newest rows of what this page did, for the hand-off. */
  async ofThisPage() {
    const query = new URLSearchParams({ limit: 100, session: this.gateway.session });
    return (await this.read(`/mem/events?${query}`)).rows;
  }

  /** From the newest on; rows that are there already stay where they are. */
  async refresh() {
    await this.guarded(async () => {
      const asked = this.path(pageSize);
      const { rows, cursor } = await this.read(asked);
      if (asked !== this.path(pageSize)) {
        return; // the search has changed meanwhile
      }
      const ids = new Set(rows.map((row) => row._additional.id));
      const isOther = this.asked !== asked || ![...this.shown.keys()].some((id) => ids.has(id));
      if (isOther) {
        this.clear();
        this.cursor = cursor;
      }
      let before = $('rows').firstChild;
      for (const row of rows) {
        if (this.erased.has(row._additional.id)) {
          continue;
        }
        if (!this.shown.has(row._additional.id)) {
          const element = this.make(row);
          element.classList.toggle('new', this.asked === asked && !this.isFirst);
          $('rows').insertBefore(element, before);
        } else {
          before = this.shown.get(row._additional.id).nextSibling;
        }
      }
      this.asked = asked;
      this.isFirst = false;
      this.settle();
    });
  }

  async older() {
    await this.guarded(async () => {
      const { rows, cursor } = await this.read(this.path(pageSize, this.cursor));
      this.cursor = cursor;
      for (const row of rows.filter((one) => !this.shown.has(one._additional.id))) {
        $('rows').append(this.make(row));
      }
      this.settle();
    });
  }

  async erase(id, element) {
    await this.guarded(async () => {
      await this.gateway.ask(`/mem/events/${encodeURIComponent(id)}`, { method: 'DELETE' });
      const next = element.nextSibling ?? element.previousSibling;
      this.erased.add(id);
      this.shown.delete(id);
      element.remove();
      (next?.querySelector('button') ?? $('words')).focus();
      this.settle();
    });
  }

  async eraseAll() {
    if (await isSure('Erase everything that is remembered of you? It cannot be brought back.', 'Erase everything')) {
      await this.guarded(async () => {
        await this.gateway.ask('/mem/events?all=true', { method: 'DELETE' });
        this.clear();
        this.cursor = null;
        this.settle();
      });
    }
  }

  async guarded(work) {
    try {
      await work();
      complain('memory-error', null);
    } catch (error) {
      complain('memory-error', error);
      this.onTrouble(error);
    }
  }

  clear() {
    this.shown.clear();
    $('rows').replaceChildren();
  }

  forget() {
    this.clear();
    this.asked = null;
    this.isFirst = true;
    this.settle();
    $('erase-all').hidden = true;
  }

  settle() {
    const isEmpty = this.shown.size === 0;
    $('memory-empty').hidden = !isEmpty;
    $('memory-empty').textContent =
      isEmpty && this.gateway.hasToken
        ? $('words').value.trim()
          ? 'Nothing of yours has these words.'
          : 'Nothing is remembered of you.'
        : 'What you and your agents said is kept here, and is yours alone.';
    $('more').hidden = isEmpty || !this.cursor;
    $('erase-all').hidden = isEmpty;
  }

  make(row) {
    const id = row._additional.id;
    const look = row.level === 'error' || row.state === 'error' ? 'badge failed' : 'badge';
    const head = make(
      'div',
      'head',
      make('span', look, row.event),
      make('span', 'name', row.agent ?? row.model ?? row.payload?.by ?? ''),
      make('span', 'time', timeOf(row.timestamp)),
    );
    const pre = make('pre', '');
    const details = make('details', '', make('summary', '', 'Whole row'), pre);
    details.addEventListener('toggle', () => {
      pre.textContent = details.open ? JSON.stringify(row, null, 2) : '';
    });
    const element = make('li', '', head, make('p', 'words', wordsOf(row)), details);
    const erase = button('Erase', 'small danger', () => this.erase(id, element));
    erase.setAttribute('aria-label', `Erase this ${row.event} of ${timeOf(row.timestamp)}`);
    head.append(erase);
    element.dataset.id = id;
    this.shown.set(id, element);
    return element;
  }
}
