// SPDX-License-Identifier: MIT
//
// gateway.mjs - the gateway under test, on free ports, with nothing in its environment but what the test says.
import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { makeDirectory } from './directory.mjs';
import { Program } from './program.mjs';
import { patienceMs, waitUntil } from './wait.mjs';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
export const binary = process.env.GATEWAY_BINARY ?? path.join(repository, 'build/attach-gateway');

function environmentOf(directory, options) {
  const kept = Object.entries(process.env).filter(([name]) => name.endsWith('SAN_OPTIONS'));
  return {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: directory,
    LANG: 'C.UTF-8',
    ...Object.fromEntries(kept),
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    LOG_FORMAT: 'json',
    WORKERS: '2',
    DRAIN_TIMEOUT: '5s',
    ...options,
  };
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

export class Gateway {
  constructor(directory, options) {
    this.program = new Program(binary, ['serve'], environmentOf(directory, options), directory);
  }

  async learnAddresses() {
    this.url = await this.addressAfter('listening on ');
    this.adminUrl = await this.addressAfter('admin on ');
  }

  async addressAfter(words) {
    const match = await this.program.lineLike(
      new RegExp(`${words}(http://127\\.0\\.0\\.1:[0-9]+)"`),
    );
    return match[1];
  }

  async waitReady() {
    await waitUntil(
      async () => {
        this.program.checkAlive();
        const reply = await fetch(`${this.url}/readyz`, {
          signal: AbortSignal.timeout(patienceMs),
        });
        await reply.arrayBuffer();
        return reply.status === 200;
      },
      () => `the gateway to be ready: ${this.program.text()}`,
    );
  }

  /** The log lines that have all of <members>. */
  log(members = {}) {
    return this.program.lines
      .map(parsed)
      .filter(
        (line) => line && Object.entries(members).every(([name, value]) => line[name] === value),
      );
  }

  /** The access line of the request that <reply> (a fetch Response or its headers) answered. */
  async accessLine(reply) {
    const id = (reply.headers ?? reply).get('x-request-id');
    assert.ok(id, 'the reply has no X-Request-Id');
    const lines = await waitUntil(
      () => {
        const found = this.log({ message: 'request', request_id: id });
        return found.length > 0 && found;
      },
      () => `the access line of ${id} in ${this.program.text()}`,
    );
    return lines[0];
  }

  async stop() {
    const code = await this.program.stop();
    assert.equal(code, 0, this.program.text());
    const stray = this.program.lines.filter((line) => !parsed(line));
    assert.deepEqual(stray, [], 'the log has lines that are not JSON');
  }
}

/** A ready gateway, stopped and checked when <owner> (a test, or {after} of a file) ends. */
export async function startGateway(owner, options) {
  const gateway = new Gateway(makeDirectory(owner), options);
  owner.after(() => gateway.stop());
  await gateway.learnAddresses();
  await gateway.waitReady();
  return gateway;
}
