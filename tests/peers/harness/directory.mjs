// SPDX-License-Identifier: MIT
//
// directory.mjs - a directory of its own for a program that a test starts; it goes when the test goes, however that ends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const made = new Set();

function remove(directory) {
  made.delete(directory);
  rmSync(directory, { recursive: true, force: true });
}

process.on('exit', () => made.forEach(remove));

export function makeDirectory(owner) {
  const directory = mkdtempSync(path.join(tmpdir(), 'attach-gateway-peers-'));
  made.add(directory);
  owner.after(() => remove(directory));
  return directory;
}
