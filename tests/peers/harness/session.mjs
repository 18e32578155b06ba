// SPDX-License-Identifier: MIT
//
// session.mjs - what X-Attach-Session must be for a caller, made anew from the documentation.
import { createHash } from 'node:crypto';

export function sessionOf(user, userAgent = '') {
  return createHash('sha256').update(`${user}:${userAgent}`).digest('hex').slice(0, 16);
}
