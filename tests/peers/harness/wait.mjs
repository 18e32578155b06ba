// SPDX-License-Identifier: MIT
//
// wait.mjs - waiting, always with an end. The deadlines say "it lives", never "it is fast".
import { setTimeout as sleep } from 'node:timers/promises';

export const patienceMs = 15_000;

/** What <promise> gives, or an error that names <what> when it takes too long. */
export async function within(promise, what, limitMs = patienceMs) {
  let timer;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limitMs} ms for ${what}`)), limitMs);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks <look> until it gives something true, and gives that. */
export async function waitUntil(look, what, limitMs = patienceMs) {
  const end = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen) {
      return seen;
    }
    if (performance.now() > end) {
      throw new Error(`waited ${limitMs} ms for ${typeof what === 'function' ? what() : what}`);
    }
    await sleep(10);
  }
}
