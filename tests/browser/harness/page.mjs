// SPDX-License-Identifier: MIT
//
// page.mjs - the demo page as a person uses it, and the watch over what must never happen in it.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { patienceMs, waitUntil } from '../../peers/harness/wait.mjs';
import { chromium } from './packages.mjs';
import { repository } from './scene.mjs';

const screenshots = path.join(repository, 'build/screenshots');

/** Debian's browser; as root it has no sandbox of its own. */
export async function startBrowser(owner) {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });
  owner.after(() => browser.close());
  return browser;
}

export class DemoPage {
  /** A fresh profile; nothing may be logged as an error, violate the policy, open a dialog or run as script. */
  static async open(owner, browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const self = new DemoPage();
    self.page = await context.newPage();
    self.page.setDefaultTimeout(patienceMs);
    self.faults = [];
    self.page.on('pageerror', (error) => self.faults.push(String(error)));
    self.page.on('dialog', (dialog) => {
      self.faults.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    self.page.on('console', (message) => {
      if (/Content Security Policy|Trusted/i.test(message.text())) {
        self.faults.push(message.text());
      }
    });
    await self.page.goto(url);
    owner.after(() => context.close());
    return self;
  }

  $(selector) {
    return this.page.locator(selector);
  }

  async logIn(name, shown = name) {
    await this.$('#log-in:enabled').click();
    await this.page.fill('input[name="name"]', name);
    await this.page.click('button:text-is("Log in")');
    await this.sees('#who', `Logged in as ${shown}`);
  }

  async useToken(token) {
    await this.page.fill('#token', token);
    await this.page.press('#token', 'Enter');
  }

  async ask(request, target = 'planner') {
    await this.page.check(`input[name="target"][value="${target}"]`);
    await this.page.fill('#request', request);
    await this.page.click('#send');
  }

  /** Waits until <selector> is visible and has <text>, a string or an expression, in it. */
  async sees(selector, text) {
    const found = this.$(selector).filter({ hasText: text }).first();
    try {
      await found.waitFor({ state: 'visible' });
    } catch {
      const there = await this.$(selector).allInnerTexts();
      assert.fail(`${selector} does not say ${text}, but ${JSON.stringify(there)}`);
    }
    return found;
  }

  hop(path) {
    return `#hops > li[data-hop="${path}"]`;
  }

  /** Waits until the list of memory has exactly <count> rows. */
  async remembers(count) {
    await waitUntil(async () => (await this.$('#rows > li').count()) === count, `${count} rows of memory`);
  }

  async screenshot(name) {
    mkdirSync(screenshots, { recursive: true });
    await this.page.screenshot({ path: path.join(screenshots, `${name}.png`), fullPage: true, animations: 'disabled' });
  }

  /** Nothing sticks out to the side. */
  async fits() {
    const [wide, room] = await this.page.evaluate(() => [
      document.scrollingElement.scrollWidth,
      document.scrollingElement.clientWidth,
    ]);
    assert.ok(wide <= room, `the page is ${wide} wide, the window ${room}`);
  }

  isClean() {
    assert.deepEqual(this.faults, []);
  }
}
