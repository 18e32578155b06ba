// SPDX-License-Identifier: MIT
//
// program.mjs - a program that a test starts: its lines are collected, and it never outlives the test process.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { patienceMs, waitUntil, within } from './wait.mjs';

const running = new Set();
process.on('exit', () => running.forEach((program) => program.kill('SIGKILL')));
for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
]) {
  process.on(signal, () => process.exit(code)); // the runner ends a file that takes too long with SIGTERM
}

export class Program {
  /** <environment> is the whole environment. A program writes what it has to say on stderr. */
  constructor(file, args, environment = {}, directory = undefined) {
    this.name = file;
    this.lines = [];
    this.child = spawn(file, args, {
      cwd: directory,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.child);
    this.failure = null;
    this.child.on('error', (error) => {
      this.failure = error;
    });
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        running.delete(this.child);
        resolve({ code, signal });
      });
    });
    createInterface({ input: this.child.stderr }).on('line', (line) => this.lines.push(line));
    this.output = '';
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      this.output += text;
    });
  }

  text() {
    return `${this.name}:\n${this.lines.join('\n')}`;
  }

  checkAlive() {
    if (this.failure) {
      throw this.failure;
    }
    if (this.child.exitCode !== null || this.child.signalCode !== null) {
      throw new Error(`ended with ${this.child.exitCode ?? this.child.signalCode}: ${this.text()}`);
    }
  }

  /** The match of the first line that fits <pattern>. */
  async lineLike(pattern) {
    return waitUntil(
      () => {
        const match = this.lines.map((line) => pattern.exec(line)).find(Boolean);
        if (!match) {
          this.checkAlive();
        }
        return match;
      },
      () => `a line like ${pattern} from ${this.text()}`,
    );
  }

  /** Asks it to end and gives its exit code; one that does not end is killed and reported. */
  async stop() {
    this.child.kill('SIGTERM');
    try {
      const { code, signal } = await within(
        this.ended,
        `${this.name} to end after SIGTERM`,
        patienceMs,
      );
      return code ?? signal;
    } catch (error) {
      this.child.kill('SIGKILL');
      throw new Error(`${error.message}\n${this.text()}`);
    }
  }
}
