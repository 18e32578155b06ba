// SPDX-License-Identifier: MIT
//
// packages.mjs - what is installed for the peer tests serves here too, under one lock file.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../../peers/package.json', import.meta.url));

export const { chromium } = require('playwright-core');

export async function peerPackage(name) {
  return import(pathToFileURL(require.resolve(name)));
}
