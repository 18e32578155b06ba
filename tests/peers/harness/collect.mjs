// SPDX-License-Identifier: MIT
//
// collect.mjs - the parts of a stream, as a list, if it ends in time.
import { within } from './wait.mjs';

async function all(stream) {
  const parts = [];
  for await (const part of stream) {
    parts.push(part);
  }
  return parts;
}

export function collect(stream) {
  return within(all(stream), 'a stream to end');
}
