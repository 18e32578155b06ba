// SPDX-License-Identifier: MIT
//
// dev_login.test.mjs - script/dev-login against a real issuer, its device grant confirmed by a person in a browser.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Program } from '../peers/harness/program.mjs';
import { Scope, scopeOf } from '../peers/harness/scope.mjs';
import { waitUntil } from '../peers/harness/wait.mjs';
import { audience, machine } from './harness/login_provider.mjs';
import { startBrowser } from './harness/page.mjs';
import { repository, startScene } from './harness/scene.mjs';

describe('script/dev-login', () => {
  const scope = new Scope();
  let scene;
  let browser;

  before(async () => {
    scene = await startScene(scope);
    browser = await startBrowser(scope);
  });
  after(() => scope.close());

  function devLogin(t, args = [], environment = {}) {
    const program = new Program(path.join(repository, 'script/dev-login'), args, {
      PATH: '/usr/bin:/bin',
      OIDC_ISSUER: `${scene.provider.url},${scene.issuer.url}`,
      OIDC_AUD: audience,
      ...environment,
    });
    t.after(() => program.child.kill('SIGKILL'));
    return program;
  }

  /** Who the gateway says it is. */
  async function userOf(token) {
    const reply = await fetch(`${scene.gateway.url}/mem/events?limit=1`, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(reply.status, 200, await reply.text());
    return reply.headers.get('x-attach-user');
  }

  test('client credentials', async (t) => {
    const program = devLogin(t, [], { AUTH0_CLIENT: machine.id, AUTH0_SECRET: machine.secret });
    const { code } = await program.ended;
    assert.equal(code, 0, program.text());
    assert.match(program.output, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    assert.equal(await userOf(program.output.trim()), machine.id);
  });

  test('a wrong secret is refused in words, and printed nowhere', async (t) => {
    const program = devLogin(t, [], { AUTH0_CLIENT: machine.id, AUTH0_SECRET: 'wrong-secret' });
    const { code } = await program.ended;
    assert.equal(code, 1);
    assert.match(program.text(), /dev-login: no token: client authentication failed/);
    assert.doesNotMatch(program.text() + program.output, /wrong-secret/);
  });

  test('no issuer, and one that is none', async (t) => {
    const none = devLogin(t, ['--client', 'x'], { OIDC_ISSUER: '' });
    assert.equal((await none.ended).code, 2, none.text());
    assert.match(none.text(), /there is no --issuer/);
    const gateway = devLogin(t, ['--client', 'x', '--issuer', scene.gateway.url]);
    assert.equal((await gateway.ended).code, 1, gateway.text());
    assert.match(gateway.text(), /discovery document is missing|HTTP 40[134]/);
  });

  for (const confirms of [true, false]) {
    test(`the device grant, ${confirms ? 'confirmed' : 'declined'}`, async (t) => {
      const program = devLogin(t, ['--client', 'terminal']);
      const [, address] = await program.lineLike(/^Open (http.*)/);
      const context = await browser.newContext();
      scopeOf(t).after(() => context.close());
      const page = await context.newPage();
      await page.goto(address);
      await page.click('button[autofocus]');
      await page.fill('input[name="name"]', 'nina');
      await page.click(confirms ? 'button:text-is("Log in")' : 'button[name="decline"]');
      await waitUntil(() => program.child.exitCode !== null, () => program.text(), 30_000);
      if (confirms) {
        assert.equal(program.child.exitCode, 0, program.text());
        assert.equal(await userOf(program.output.trim()), 'nina');
      } else {
        assert.equal(program.child.exitCode, 1);
        assert.match(program.text(), /no token: .*declined/);
      }
    });
  }
});
