// SPDX-License-Identifier: MIT
//
// dom.js - makes elements. Whatever comes from outside becomes a text node, never markup.

export const $ = (id) => document.getElementById(id);

/** <name class="..."> with children: elements, or anything else as text. */
export function make(name, className, ...children) {
  const element = document.createElement(name);
  if (className) {
    element.className = className;
  }
  element.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

export function button(label, className, pressed) {
  const element = make('button', className, label);
  element.type = 'button';
  element.addEventListener('click', pressed);
  return element;
}

/** Shows the sentence of <error> in the element <id>; nothing hides it. */
export function complain(id, error) {
  const element = $(id);
  element.hidden = !error;
  element.textContent = error ? (error.message ?? String(error)) : '';
}

/** Sets the text only when it differs, so that screen readers and selections are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });

export function timeOf(timestamp) {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) {
    return '';
  }
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? clock.format(date) : `${day.format(date)} ${clock.format(date)}`;
}

export function duration(ms) {
  if (!(ms >= 0)) {
    return '';
  }
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Asks with the dialog of the page. */
export function isSure(question, yes) {
  const dialog = $('sure');
  $('sure-text').textContent = question;
  $('sure-yes').textContent = yes;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}
