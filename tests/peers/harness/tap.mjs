// SPDX-License-Identifier: MIT
//
// tap.mjs - a wire between the gateway and an engine that shows what passes, who hangs up, and can hold the engine's
// reply at a place, so that "the client has the first chunk while the second is not there yet" is no matter of time.
import { once } from 'node:events';
import net from 'node:net';

import { waitUntil, within } from './wait.mjs';

class Wire {
  sent = Buffer.alloc(0); // by the gateway
  endedBy = null; // 'gateway' or 'engine', who hung up first

  constructor(tap, gateway, engine) {
    this.tap = tap;
    this.gateway = gateway;
    this.engine = engine;
    this.held = Buffer.alloc(0);
    this.engineEnded = false;
    gateway.on('data', (bytes) => {
      this.sent = Buffer.concat([this.sent, bytes]);
      engine.write(bytes);
    });
    engine.on('data', (bytes) => {
      this.held = Buffer.concat([this.held, bytes]);
      this.pass();
    });
    gateway.on('close', () => this.hangUp('gateway'));
    engine.on('end', () => {
      this.engineEnded = true;
      this.pass();
    });
    engine.on('close', () => {
      this.engineEnded = true;
      this.pass();
    });
    gateway.on('error', () => {});
    engine.on('error', () => {});
  }

  hangUp(side) {
    this.endedBy ??= side;
    this.gateway.destroy();
    this.engine.destroy();
  }

  /** Hands on what may pass: all of it, or as many marked pieces as are allowed. */
  pass() {
    while (this.held.length > 0 && !this.gateway.destroyed) {
      const end = this.tap.marker
        ? this.held.indexOf(this.tap.marker) + this.tap.marker.length
        : this.held.length;
      if (this.tap.marker && (this.tap.allowed === 0 || end < this.tap.marker.length)) {
        return;
      }
      this.tap.allowed -= this.tap.marker ? 1 : 0;
      this.gateway.write(this.held.subarray(0, end));
      this.held = this.held.subarray(end);
    }
    if (this.engineEnded && this.held.length === 0) {
      this.endedBy ??= 'engine';
      this.gateway.end();
    }
  }
}

export class Tap {
  wires = [];
  marker = null;
  allowed = 0;

  /** From now on replies pass up to and with the next <count> places that end in <marker>, then stand still. */
  hold(marker, count) {
    this.marker = Buffer.from(marker);
    this.allowed = count;
  }

  /** Lets <count> further pieces through. */
  allow(count = 1) {
    this.allowed += count;
    this.wires.forEach((wire) => wire.pass());
  }

  /** Lets everything through. */
  open() {
    this.marker = null;
    this.wires.forEach((wire) => wire.pass());
  }

  /** Everything the gateway ever wrote to the engine. */
  sent() {
    return Buffer.concat(this.wires.map((wire) => wire.sent)).toString('latin1');
  }

  /** Until the gateway has hung up on the wire that carried <text>. */
  async gatewayLeft(text) {
    await waitUntil(
      () => this.wires.some((wire) => wire.sent.includes(text) && wire.endedBy === 'gateway'),
      `the gateway to hang up the connection that carried ${text}`,
    );
  }

  async close() {
    const closed = once(this.server, 'close');
    this.server.close();
    this.wires.forEach((wire) => wire.hangUp('tap'));
    await within(closed, 'the tap to close');
  }
}

/** A tap in front of the engine at <url>; its own .url is what the gateway is to call. */
export async function startTap(owner, url) {
  const tap = new Tap();
  const { hostname, port } = new URL(url);
  tap.server = net.createServer({ allowHalfOpen: false }, (gateway) => {
    gateway.setNoDelay(true);
    const engine = net.connect({ host: hostname, port: Number(port), noDelay: true });
    tap.wires.push(new Wire(tap, gateway, engine));
  });
  tap.server.listen(0, '127.0.0.1');
  await within(once(tap.server, 'listening'), 'the tap to listen');
  tap.url = `http://127.0.0.1:${tap.server.address().port}`;
  owner.after(() => tap.close());
  return tap;
}
