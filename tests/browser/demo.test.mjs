// SPDX-License-Identifier: MIT
//
// demo.test.mjs - the demo page, used as a person would, in a real browser against a real issuer.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { startGateway } from '../peers/harness/gateway.mjs';
import { Scope, scopeOf } from '../peers/harness/scope.mjs';
import { waitUntil } from '../peers/harness/wait.mjs';
import { audience } from './harness/login_provider.mjs';
import { DemoPage, startBrowser } from './harness/page.mjs';
import { repository, startScene } from './harness/scene.mjs';

const answers = (prompt) =>
  prompt.includes('You are a planner') ? '1. Walk the list.\n2. Turn each link.' : 'int reverse(void);\nDone.';

const rowsOfCoder = 4; // task_sent, log, exchange, task_result

describe('the demo page', () => {
  const scope = new Scope();
  let scene;
  let browser;

  before(async () => {
    scene = await startScene(scope);
    browser = await startBrowser(scope);
  });
  after(() => scope.close());
  afterEach(() => {
    scene.engine.words = null;
    scene.engine.waiting.length = 0;
  });

  const open = (t, options) => DemoPage.open(scopeOf(t), browser, `${scene.gateway.url}/demo/`, options);

  /** A page with <name> logged in and an engine that answers. */
  async function enter(t, name, options) {
    const page = await open(t, options);
    await page.logIn(name);
    scene.engine.words = answers;
    return page;
  }

  test('logs in with code and PKCE, and keeps the token nowhere', async (t) => {
    const page = await open(t);
    await page.sees('#who', 'Not logged in');
    await page.screenshot('1-logged-out');
    await page.logIn('ada');
    const kept = await page.page.evaluate(() => ({
      url: location.href,
      local: Object.entries(localStorage),
      session: Object.entries(sessionStorage),
      cookies: document.cookie,
      field: document.getElementById('token').value,
    }));
    assert.deepEqual(kept, {
      url: `${scene.gateway.url}/demo/`,
      local: [],
      session: [],
      cookies: '',
      field: '',
    });
    await page.page.reload();
    await page.sees('#who', 'Not logged in');
    page.isClean();
  });

  test('a login that is declined, or was not begun here, says so', async (t) => {
    const page = await open(t);
    await page.$('#log-in:enabled').click();
    await page.page.click('button[name="decline"]');
    await page.sees('#login-error', 'The login was refused: The person <b>declined</b>');
    await page.page.goto(`${scene.gateway.url}/demo/?code=stolen&state=other`);
    await page.sees('#login-error', 'This login was not begun here');
    await page.sees('#who', 'Not logged in');
    page.isClean();
  });

  test('a request goes to the planner and the coder, and everything of it shows', async (t) => {
    const page = await enter(t, 'bob');
    await page.ask('Reverse a linked list.');
    await page.sees(`${page.hop('/planner')} .badge`, 'done');
    await page.sees(`${page.hop('/planner')} .chain`, 'acts for bob, called by you');
    await page.sees(`${page.hop('/planner')} .steps`, 'wrote "plan" to memory');
    await page.sees(`${page.hop('/planner')} .steps`, 'asked the engine (held, 3 tokens in, 5 out)');
    await page.sees(`${page.hop('/planner/coder')} .badge`, 'done');
    await page.sees(`${page.hop('/planner/coder')} .chain`, 'acts for bob, called by the planner');
    await page.sees(
      `${page.hop('/planner/coder')} .steps`,
      'token verified: acting for bob, act chain coder <- planner',
    );
    await page.sees('#answer', 'int reverse(void);');
    for (const event of ['task_sent', 'task_result', 'exchange', 'plan', 'log']) {
      await page.sees('#rows .badge', event);
    }
    await page.sees('#tasks', 'Reverse a linked list.');
    assert.equal(await page.$('#tasks .badge.done').count(), 2);
    await page.screenshot('2-done');
    page.isClean();
  });

  test('a hop that works is seen working, and can be canceled', async (t) => {
    const page = await enter(t, 'cleo');
    scene.engine.words = null;
    await page.ask('Something long.');
    (await scene.engine.next('the planner')).answer('A plan.');
    await scene.engine.next('the coder');
    await page.sees(`${page.hop('/planner')} .badge`, 'working');
    await page.sees(`${page.hop('/planner/coder')} .badge`, 'working');
    await page.screenshot('3-working');
    const before = scene.engine.left;
    await page.page.click('#stop');
    await page.sees('#ask-error', 'The task was canceled.');
    await page.sees(`${page.hop('/planner')} .badge`, 'canceled');
    await waitUntil(() => scene.engine.left > before, 'the engine to be left alone');
    await page.page.click('#tasks-refresh');
    await page.sees('#tasks .badge', 'canceled');
    page.isClean();
  });

  test('a task of the list can be canceled', async (t) => {
    const page = await enter(t, 'cyd');
    scene.engine.words = null;
    await page.ask('Something long.', 'coder');
    await scene.engine.next('the coder');
    await page.$('#tasks button:text-is("Cancel")').click();
    await page.sees('#tasks .badge', 'canceled');
    await page.sees('#ask-error', 'The task was canceled.');
    page.isClean();
  });

  test("the engine's words come one by one", async (t) => {
    const page = await enter(t, 'dora');
    scene.engine.words = null;
    await page.ask('Say it slowly.', 'engine');
    const call = await scene.engine.next('the page');
    call.piece('One');
    await page.sees('#answer', /^One$/);
    call.piece(' two');
    await page.sees('#answer', /^One two$/);
    call.reply.end(`${JSON.stringify({ model: 'held', message: { content: ' three' }, done: true })}\n`);
    await page.sees('#answer', /^One two three$/);
    await page.sees(`${page.hop('/engine')} .badge`, 'done');
    page.isClean();
  });

  test('memory is searched, erased row by row, and altogether', async (t) => {
    const page = await enter(t, 'eve');
    await page.ask('Reverse a linked list.', 'coder');
    await page.sees('#answer', 'int reverse(void);');
    await page.ask('Sort my albums.', 'coder');
    await page.remembers(2 * rowsOfCoder);
    await page.page.fill('#words', 'albums');
    await page.page.press('#words', 'Enter');
    await page.$('#rows > li:has-text("linked list")').first().waitFor({ state: 'detached' });
    await page.sees('#rows', 'Sort my albums.');
    await page.screenshot('4-searched');
    for (let left = await page.$('#rows > li').count(); left > 0; left--) {
      await page.$('#rows button:text-is("Erase")').first().click();
      await page.remembers(left - 1);
    }
    await page.sees('#memory-empty', 'Nothing of yours has these words.');
    await page.page.fill('#words', '');
    await page.page.press('#words', 'Enter');
    await page.sees('#rows', 'Reverse a linked list.');
    await page.page.click('#erase-all');
    await page.page.click('dialog button:text-is("Keep")');
    await page.sees('#rows', 'Reverse a linked list.');
    await page.page.click('#erase-all');
    await page.screenshot('5-sure');
    await page.page.click('#sure-yes');
    await page.sees('#memory-empty', 'Nothing is remembered of you.');
    await page.page.click('#tasks-refresh'); // tasks are not memory
    await page.sees('#tasks', 'Sort my albums.');
    page.isClean();
  });

  test("one user sees nothing of another's", async (t) => {
    const page = await enter(t, 'frank');
    await page.ask('A secret of Frank.', 'coder');
    await page.sees('#rows', 'A secret of Frank.');
    const other = await enter(t, 'grace');
    await other.sees('#memory-empty', 'Nothing is remembered of you.');
    await other.page.fill('#words', 'secret');
    await other.page.press('#words', 'Enter');
    await other.sees('#memory-empty', 'Nothing of yours has these words.');
    assert.equal(await other.$('#tasks > li').count(), 0);
    page.isClean();
  });

  test('a token that has expired, or is none, is refused in words', async (t) => {
    const page = await open(t);
    await page.useToken(await scene.issuer.tokenOfThePast(3600));
    await page.sees('#login-error', 'Your token has expired: log in again.');
    await page.screenshot('6-expired');
    await page.useToken('nonsense');
    await page.sees('#login-error', 'The gateway does not accept this token');
    await page.sees('#who', 'Not logged in');
    page.isClean();
  });

  test('a token that expires while the page is open sends back to the login', async (t) => {
    const page = await open(t);
    // 300 s of life and 60 s of leeway: 18 seconds are left
    await page.useToken(await scene.issuer.tokenOfThePast(342));
    await page.sees('#who', 'Logged in as');
    scene.engine.words = answers;
    await page.ask('Reverse a linked list.', 'coder');
    await page.sees('#answer', 'int reverse(void);');
    await waitUntil(async () => {
      await page.page.click('#tasks-refresh', { timeout: 1000 }).catch(() => {});
      return page.$('#login').isVisible();
    }, 'the token to expire', 60_000);
    await page.sees('#login-error', 'Your token has expired: log in again.');
    await page.sees('#answer', 'int reverse(void);'); // what was there stays
    page.isClean();
  });

  test('an engine that is killed while the coder asks it', async (t) => {
    const page = await enter(t, 'heidi');
    scene.engine.words = null;
    await page.ask('Reverse a linked list.');
    (await scene.engine.next('the planner')).answer('A plan.');
    await scene.engine.next('the coder');
    await scene.engine.die();
    try {
      await page.sees(`${page.hop('/planner/coder')} .badge`, 'failed');
      await page.sees(`${page.hop('/planner/coder')} .steps li.bad`, /POST \/api\/chat: HTTP 50[24]: engine/);
      await page.sees(`${page.hop('/planner')} .badge`, 'failed');
      await page.sees(`${page.hop('/planner')} .steps li.bad`, 'the coder failed');
      await page.sees('#ask-error', 'The planner failed');
      await page.screenshot('7-engine-killed');
      await page.ask('Are you there?', 'engine');
      await page.sees('#ask-error', 'The engine is away. Is it running?');
    } finally {
      await scene.engine.open(scene.engine.port);
    }
    scene.engine.words = answers;
    await page.ask('Reverse a linked list.');
    await page.sees('#answer', 'int reverse(void);');
    page.isClean();
  });

  test('an engine that is killed between two words', async (t) => {
    const page = await enter(t, 'ivan');
    scene.engine.words = null;
    await page.ask('Say it slowly.', 'engine');
    (await scene.engine.next('the page')).piece('One');
    await page.sees('#answer', /^One$/);
    await scene.engine.die();
    await scene.engine.open(scene.engine.port);
    await page.sees('#ask-error', 'The answer broke off');
    await page.sees(`${page.hop('/engine')} .badge`, 'failed');
    await page.sees('#answer', /^One$/);
    page.isClean();
  });

  test('stored scripts stay text wherever they come from', async (t) => {
    const evil = '<img src=x onerror="window.taken=1"><script>window.taken=1</script>"\'><svg onload=alert(1)>';
    const page = await open(t);
    await page.logIn(evil, evil.replaceAll(' ', '%20')); // X-Attach-User escapes white space
    scene.engine.words = () => `${evil} javascript:alert(1)`;
    await page.ask(`${evil} as a request`);
    await page.sees('#answer', `${evil} javascript:alert(1)`);
    await page.sees(`${page.hop('/planner')} .badge`, 'done');
    await page.sees(`${page.hop('/planner')} .steps`, 'token verified');
    // What other agents could have left in this user's memory: kinds of events, documents, log lines, agents' names.
    const token = await scene.issuer.token();
    const left = { headers: { authorization: `Bearer ${token}` }, method: 'POST' };
    const document = { event: evil.slice(0, 60), payload: { plan: evil, request: evil, by: evil, [evil]: evil } };
    const line = { run_id: evil, level: 'error', message: evil, agent: evil };
    const wrote = await fetch(`${scene.gateway.url}/mem/events`, { ...left, body: JSON.stringify(document) });
    assert.equal(wrote.status, 201, await wrote.text());
    const logged = await fetch(`${scene.gateway.url}/v1/logs`, { ...left, body: JSON.stringify(line) });
    assert.equal(logged.status, 202, await logged.text());
    const task = { target: 'coder', input: { prompt: evil, model: evil } };
    const sent = await fetch(`${scene.gateway.url}/a2a/tasks/send`, { ...left, body: JSON.stringify(task) });
    assert.equal(sent.status, 200, await sent.text());
    const other = await open(t);
    await other.useToken(token);
    await other.sees('#rows', evil);
    await other.sees('#tasks', evil);
    for (const one of [page, other]) {
      for (const summary of await one.$('#rows summary').all()) {
        await summary.click();
      }
      const found = await one.page.evaluate(() => ({
        taken: window.taken,
        strangers: [...document.querySelectorAll('body img, body script, body svg, body iframe')].map((e) => e.outerHTML),
      }));
      assert.equal(found.taken, undefined);
      assert.deepEqual(found.strangers, ['<img src="icon.svg" alt="" width="28" height="28">']);
      one.isClean();
    }
    await other.fits();
    await other.screenshot('8-scripts-stay-text');
  });

  test('the policy stops what the page would not do itself', async (t) => {
    const page = await open(t);
    const stopped = await page.page.evaluate(async () => {
      const violations = [];
      document.addEventListener('securitypolicyviolation', (event) => violations.push(event.effectiveDirective));
      const script = document.createElement('script');
      script.textContent = 'window.taken = 1';
      document.body.append(script);
      const element = document.createElement('p');
      element.innerHTML = '<a id="trap" onclick="window.taken = 1">x</a>';
      document.body.append(element);
      element.firstChild.click();
      await fetch('http://127.0.0.1:9/').catch(() => {});
      const frame = document.createElement('iframe');
      frame.src = 'http://127.0.0.1:9/';
      document.body.append(frame);
      await new Promise((resolve) => setTimeout(resolve, 300));
      return { violations: violations.sort(), taken: window.taken };
    });
    assert.equal(stopped.taken, undefined);
    for (const directive of ['connect-src', 'frame-src', 'script-src-attr', 'script-src-elem']) {
      assert.ok(stopped.violations.includes(directive), `${directive} in ${stopped.violations}`);
    }
  });

  test('an agent that is away is named', async (t) => {
    const page = await enter(t, 'judy');
    await scene.agents.coder.stop();
    await page.ask('Reverse a linked list.', 'coder');
    await page.sees('#ask-error', 'The coder failed');
    await page.sees(`${page.hop('/coder')} .badge`, 'failed');
    await page.screenshot('9-agent-away');
    page.isClean();
    await scene.restart('coder');
  });

  test('agents that were never named, and a memory that is none, are said to be', async (t) => {
    const scope = scopeOf(t);
    const bare = await startGateway(scope, {
      ENGINE_URL: scene.engine.url,
      OIDC_ISSUER: scene.issuer.url,
      OIDC_AUD: audience,
      ATTACH_DEMO_DIR: path.join(repository, 'examples/static'),
      MEM_BACKEND: 'none',
    });
    const page = await DemoPage.open(scope, browser, `${bare.url}/demo/`);
    await page.sees('#log-in-hint', 'This gateway names no login page');
    await page.useToken(await scene.issuer.token());
    await page.sees('#who', 'Logged in as agent-one');
    await page.ask('Reverse a linked list.');
    await page.sees('#ask-error', 'The gateway knows no agent called planner');
    scene.engine.words = answers;
    await page.ask('Reverse a linked list.', 'engine');
    await page.sees('#answer', 'int reverse(void);');
    await page.sees(`${page.hop('/engine')} .badge`, 'done');
    await page.sees('#memory-empty', 'Nothing is remembered of you.');
    page.isClean();
  });

  test('a gateway that is away is said to be', async (t) => {
    const page = await DemoPage.open(scopeOf(t), browser, `${scene.gateway.url}/demo/?gateway=http://127.0.0.1:9`);
    await page.sees('#login-error', 'The gateway at http://127.0.0.1:9 does not answer');
    await page.page.fill('#gateway', scene.gateway.url);
    await page.page.press('#gateway', 'Enter');
    await page.sees('#log-in-hint', `at ${scene.provider.url}`);
    assert.ok(!(await page.$('#login-error').isVisible()));
  });

  test('works from the keyboard alone', async (t) => {
    const page = await open(t);
    await page.$('#log-in:enabled').waitFor();
    await page.page.keyboard.press('Tab');
    await page.sees(':focus', 'Skip to the request');
    await page.page.keyboard.press('Tab');
    await page.sees(':focus', 'Log in');
    await page.page.keyboard.press('Enter');
    await page.page.locator('input[name="name"]').waitFor();
    await page.page.keyboard.type('kim');
    await page.page.keyboard.press('Enter');
    await page.sees('#who', 'Logged in as kim');
    scene.engine.words = answers;
    assert.equal(await page.$('#request:focus').count(), 1);
    await page.page.keyboard.type('Reverse a linked list.');
    await page.page.keyboard.press('Tab');
    await page.page.keyboard.press('ArrowDown'); // the coder
    assert.equal(await page.$('input[value="coder"]').isChecked(), true);
    await page.page.keyboard.press('Shift+Tab');
    await page.page.keyboard.press('Control+Enter');
    await page.sees('#answer', 'int reverse(void);');
    await page.remembers(rowsOfCoder);
    await page.page.focus('#rows button');
    await page.page.keyboard.press('Enter');
    await page.remembers(rowsOfCoder - 1);
    await page.sees(':focus', 'Erase');
    page.isClean();
  });

  for (const colorScheme of ['light', 'dark']) {
    test(`fits a phone, ${colorScheme}`, async (t) => {
      const phone = { viewport: { width: 360, height: 780 }, isMobile: true, hasTouch: true, colorScheme };
      const page = await open(t, phone);
      await page.fits();
      await page.screenshot(`10-phone-${colorScheme}-logged-out`);
      await page.logIn(`a-rather-long-name-of-somebody-${colorScheme}`);
      scene.engine.words = () => `${'w'.repeat(200)}\n${'many words '.repeat(40)}`;
      await page.ask('Reverse a linked list, please, and explain each and every step of it.');
      await page.sees(`${page.hop('/planner')} .badge`, 'done');
      await page.sees('#rows', 'task_result');
      await page.fits();
      await page.screenshot(`10-phone-${colorScheme}`);
      page.isClean();
    });
  }

  test('runs from another origin that CORS_ORIGINS allows', async (t) => {
    const types = { html: 'text/html', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };
    const server = createServer(async (request, reply) => {
      const name = path.basename(new URL(request.url, 'http://x').pathname) || 'index.html';
      try {
        const bytes = await readFile(path.join(repository, 'examples/static', name));
        reply.setHeader('content-type', types[path.extname(name).slice(1)]).end(bytes);
      } catch {
        reply.writeHead(404).end();
      }
    });
    const scope = scopeOf(t);
    await new Promise((resolve) => server.listen(scene.pagePort, 'localhost', resolve));
    scope.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const page = await DemoPage.open(scope, browser, `${scene.elsewhere}/?gateway=${scene.gateway.url}`);
    await page.logIn('lena');
    scene.engine.words = answers;
    await page.ask('Reverse a linked list.');
    await page.sees('#answer', 'int reverse(void);');
    await page.sees(`${page.hop('/planner/coder')} .badge`, 'done');
    await page.sees('#rows', 'task_result');
    page.isClean();
  });
});
