// SPDX-License-Identifier: MIT
//
// Three HTTP/1.1 implementations that others wrote - node's (llhttp), undici and h11 - on both sides of the gateway.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { Readable } from 'node:stream';
import { after, afterEach, before, describe, test } from 'node:test';
import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib';

import { Agent, Client, fetch as undiciFetch } from 'undici';

import { bodyOf, replyJson, startEngine } from './harness/engine.mjs';
import { startGateway } from './harness/gateway.mjs';
import { audience, startIssuer } from './harness/provider.mjs';
import { askWithH11, startH11Engine } from './harness/python.mjs';
import { Scope, scopeOf } from './harness/scope.mjs';
import { waitUntil, within } from './harness/wait.mjs';

const megabyte = 1024 * 1024;
const large = 16 * megabyte;

/** The same bytes as pattern() of h11_client.py. */
function pattern(count) {
  const bytes = Buffer.alloc(count);
  for (let i = 0; i < count; i++) {
    const j = i & 0xffff;
    bytes[i] = (j * 31 + (j >> 8) * 17) & 255;
  }
  return bytes;
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

const plain = Buffer.from('a text that packs well, '.repeat(1000));
const packed = { gzip: gzipSync(plain), br: brotliCompressSync(plain) };
const permits = []; // to let the engine go on, one for each step it waits at

const answers = {
  async '/hash'(request, reply) {
    const body = await bodyOf(request);
    replyJson(reply, 200, { length: body.length, sha256: sha256(body) });
  },
  async '/echo'(request, reply) {
    const { 'content-type': type = 'application/octet-stream', 'content-length': length } =
      request.headers;
    reply.writeHead(200, { 'content-type': type, ...(length && { 'content-length': length }) });
    request.pipe(reply);
    await once(reply, 'close');
  },
  /** Like /echo, but for clients that do not read while they write. */
  async '/return'(request, reply) {
    const body = await bodyOf(request);
    reply.writeHead(200, { 'content-length': body.length });
    reply.end(body);
  },
  async '/length'(request, reply) {
    const body = pattern(Number(new URL(request.url, 'http://x').searchParams.get('bytes')));
    reply.writeHead(200, {
      'content-length': body.length,
      'content-type': 'application/octet-stream',
    });
    reply.end(request.method === 'HEAD' ? undefined : body);
  },
  async '/chunked'(request, reply) {
    const body = pattern(Number(new URL(request.url, 'http://x').searchParams.get('bytes')));
    reply.writeHead(200, { 'content-type': 'application/octet-stream', trailer: 'x-sum' });
    for (let i = 0; i < body.length; i += 10_007) {
      reply.write(body.subarray(i, i + 10_007));
    }
    reply.addTrailers({ 'x-sum': '1' });
    reply.end();
  },
  async '/until-close'(request, reply) {
    reply.useChunkedEncodingByDefault = false;
    reply.writeHead(200, { connection: 'close' });
    reply.end(pattern(megabyte));
  },
  async '/packed'(request, reply) {
    const encoding = request.headers['accept-encoding'].split(/[ ,]+/)[0];
    reply.writeHead(200, {
      'content-encoding': encoding,
      'content-type': 'text/plain',
      vary: 'accept-encoding',
    });
    reply.end(packed[encoding]);
  },
  async '/fields'(request, reply) {
    reply.setHeader('set-cookie', ['a=1', 'b=2']);
    reply.setHeader('x-bytes', Buffer.from([0x7a, 0xe9, 0xff, 0x7e]).toString('latin1'));
    reply.setHeader('x-empty', '');
    replyJson(reply, 200, {});
  },
  async '/empty'(request, reply) {
    reply.writeHead(204).end();
  },
  async '/unchanged'(request, reply) {
    reply.writeHead(304, { etag: '"one"' }).end();
  },
  async '/hints'(request, reply) {
    reply.writeEarlyHints({ link: '</style.css>; rel=preload' });
    reply.writeProcessing();
    replyJson(reply, 200, { final: true });
  },
  async '/truncated'(request, reply) {
    reply.writeHead(200, request.url.endsWith('length') ? { 'content-length': 1000 } : {});
    reply.write('the beginning');
    await new Promise((resolve) => permits.push(resolve));
    reply.destroy();
  },
  async '/steps'(request, reply) {
    reply.writeHead(200, { 'content-type': 'text/plain' });
    for (let i = 0; i < 1000 && !reply.destroyed; i++) {
      reply.write(`piece ${i}`);
      await new Promise((resolve) => permits.push(resolve));
    }
    reply.end();
  },
  async '/upload-steps'(request, reply, seen) {
    seen.pieces = [];
    for await (const piece of request) {
      seen.pieces.push(piece.toString());
    }
    replyJson(reply, 200, seen.pieces);
  },
};

async function answer(request, reply, seen) {
  const { pathname } = new URL(request.url, 'http://x');
  const known = answers[pathname];
  if (known) {
    await known(request, reply, seen);
  } else {
    request.resume();
    replyJson(reply, 404, { target: request.url });
  }
}

describe('HTTP/1.1 as others speak it', () => {
  const scope = new Scope();
  let issuer;
  let engine;
  let gateway;
  let token;
  let headers;

  before(async () => {
    issuer = await startIssuer(scope);
    engine = await startEngine(scope, answer);
    gateway = await startGateway(scope, {
      OIDC_ISSUER: issuer.url,
      OIDC_AUD: audience,
      ENGINE_URL: engine.url,
      ENGINE_PATHS: '*',
    });
    token = await issuer.token();
    headers = { authorization: `Bearer ${token}` };
  });
  after(() => scope.close());
  afterEach(() => permits.splice(0).forEach((permit) => permit()));

  async function permit() {
    (await waitUntil(() => permits.shift(), 'the engine to come to its next step'))();
  }

  describe('node', () => {
    let agent;

    before(() => {
      agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    });
    after(() => agent.destroy());

    /** {status, headers, body, request} of one request; <body> is what to send, as one piece or as several. */
    async function ask(method, target, body = [], fields = {}) {
      const request = http.request(gateway.url + target, {
        method,
        agent,
        headers: { ...headers, ...fields },
      });
      const response = once(request, 'response');
      for (const piece of [body].flat()) {
        request.write(piece);
      }
      request.end();
      const [reply] = await within(response, `the reply to ${method} ${target}`);
      const bytes = await within(bodyOf(reply), `the body of ${method} ${target}`);
      return { status: reply.statusCode, headers: reply.headers, body: bytes, request };
    }

    test('one connection carries replies of every kind, one after the other', async () => {
      const ports = new Set();
      const check = async (method, target, status, length, fields) => {
        const reply = await ask(method, target, [], fields);
        assert.equal(reply.status, status, `${method} ${target}`);
        assert.ok(
          length === undefined || reply.body.equals(pattern(length)),
          `${method} ${target}: ${reply.body.length} bytes`,
        );
        ports.add(reply.request.socket.localPort);
      };
      for (let round = 0; round < 5; round++) {
        await check('GET', '/length?bytes=1000', 200, 1000);
        await check('GET', '/chunked?bytes=100000', 200, 100_000);
        await check('GET', '/healthz', 200);
        await check('GET', '/chunked?bytes=1', 200, 1);
        await check('HEAD', '/length?bytes=500', 200, 0);
        await check('GET', '/empty', 204, 0);
        await check('GET', '/chunked?bytes=5000', 200, 5000);
        await check('GET', '/unchanged', 304, 0);
        await check('GET', '/length?bytes=10', 401, undefined, {
          authorization: 'Bearer not.a.token',
        });
        await check('GET', '/chunked?bytes=70000', 200, 70_000);
        await check('GET', '/nothing', 404);
        await check('GET', '/until-close', 200, megabyte);
        await check('HEAD', '/nothing', 404, 0);
        await check('OPTIONS', '/nothing', 404);
      }
      assert.equal(ports.size, 1, 'the gateway closed the connection in between');
    });

    test('an upload in chunks of odd sizes', async () => {
      const pieces = [1, 2, 3, 1000, 65_536, 65_537, 1, 300_000].map((size) => randomBytes(size));
      const { body } = await ask('POST', '/hash', pieces);
      const whole = Buffer.concat(pieces);
      assert.deepEqual(JSON.parse(body), { length: whole.length, sha256: sha256(whole) });
      const seen = engine.requests.at(-1);
      assert.equal(seen.headers['transfer-encoding'], 'chunked');
      assert.equal(seen.headers['content-length'], undefined);
    });

    test('an upload of known length', async () => {
      const whole = randomBytes(200_000);
      const { body } = await ask('PUT', '/hash', whole, { 'content-length': whole.length });
      assert.deepEqual(JSON.parse(body), { length: whole.length, sha256: sha256(whole) });
      assert.equal(engine.requests.at(-1).headers['content-length'], String(whole.length));
    });

    test('an upload arrives piece by piece, not when it is whole', async () => {
      const request = http.request(`${gateway.url}/upload-steps`, {
        method: 'POST',
        agent: false,
        headers,
      });
      const count = engine.requests.length;
      const pieces = ['one', 'two', 'three'];
      for (const [index, piece] of pieces.entries()) {
        request.write(piece);
        await engine.request(count);
        await waitUntil(
          () => engine.requests[count].pieces.join('') === pieces.slice(0, index + 1).join(''),
          `the engine to get ${piece}`,
        );
      }
      request.end();
      const [reply] = await within(once(request, 'response'), 'the reply');
      assert.equal(JSON.parse(await bodyOf(reply)).join(''), pieces.join(''));
    });

    test('Expect: 100-continue is answered before the body comes', async () => {
      const body = randomBytes(100_000);
      const request = http.request(`${gateway.url}/hash`, {
        method: 'POST',
        agent,
        headers: { ...headers, expect: '100-continue', 'content-length': body.length },
      });
      request.flushHeaders();
      await within(once(request, 'continue'), '100 Continue');
      request.end(body);
      const [reply] = await within(once(request, 'response'), 'the reply');
      assert.equal(JSON.parse(await bodyOf(reply)).sha256, sha256(body));
    });

    test('Expect: 100-continue with a bad token is refused without asking for the body', async () => {
      const count = engine.requests.length;
      const request = http.request(`${gateway.url}/hash`, {
        method: 'POST',
        agent: false,
        headers: {
          authorization: 'Bearer not.a.token',
          expect: '100-continue',
          'content-length': 100_000,
        },
      });
      let continued = false;
      request.on('continue', () => {
        continued = true;
      });
      request.flushHeaders();
      const [reply] = await within(once(request, 'response'), 'the reply');
      assert.equal(reply.statusCode, 401);
      await bodyOf(reply);
      request.destroy();
      assert.equal(continued, false);
      assert.equal(engine.requests.length, count);
    });

    test('HEAD tells the length and sends nothing', async () => {
      const reply = await ask('HEAD', '/length?bytes=12345');
      assert.equal(reply.headers['content-length'], '12345');
      assert.equal(reply.body.length, 0);
      assert.equal(engine.requests.at(-1).method, 'HEAD');
    });

    for (const framing of ['length', 'chunked']) {
      test(`16 MiB down, framed by ${framing}`, async () => {
        const { body } = await ask('GET', `/${framing}?bytes=${large}`);
        assert.ok(body.equals(pattern(large)));
      });

      test(`16 MiB up and the same back, framed by ${framing}`, async () => {
        const whole = pattern(large);
        const pieces =
          framing === 'length'
            ? whole
            : Array.from({ length: 16 }, (_, i) =>
                whole.subarray(i * megabyte, (i + 1) * megabyte),
              );
        const { body } = await ask(
          'POST',
          '/echo',
          pieces,
          framing === 'length' ? { 'content-length': large } : {},
        );
        assert.ok(body.equals(whole));
      });

      test(`a reply that breaks off is an error for the client, framed by ${framing}`, async () => {
        const request = http.request(`${gateway.url}/truncated?${framing}`, {
          agent: false,
          headers,
        });
        request.end();
        const [reply] = await within(once(request, 'response'), 'the head');
        await permit();
        await assert.rejects(within(bodyOf(reply), 'the end'), { code: 'ECONNRESET' });
      });
    }

    test('a client that reads slowly gets every byte', async () => {
      const request = http.request(`${gateway.url}/length?bytes=${large}`, {
        agent: false,
        headers,
      });
      request.end();
      const [reply] = await within(once(request, 'response'), 'the head');
      const digest = createHash('sha256');
      let pauses = 0;
      for await (const piece of reply) {
        digest.update(piece);
        if (pauses < 40) {
          pauses += 1;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
      assert.equal(digest.digest('hex'), sha256(pattern(large)));
    });

    for (const encoding of ['gzip', 'br']) {
      test(`a reply packed with ${encoding} passes byte for byte`, async () => {
        const { body, headers: got } = await ask('GET', '/packed', [], {
          'accept-encoding': `${encoding}, identity`,
        });
        assert.equal(engine.requests.at(-1).headers['accept-encoding'], `${encoding}, identity`);
        assert.equal(got['content-encoding'], encoding);
        assert.equal(got.vary, 'accept-encoding');
        assert.ok(body.equals(packed[encoding]));
      });
    }

    test('a request packed with gzip passes byte for byte', async () => {
      const { body } = await ask('POST', '/echo', packed.gzip, {
        'content-encoding': 'gzip',
        'content-length': packed.gzip.length,
      });
      assert.equal(engine.requests.at(-1).headers['content-encoding'], 'gzip');
      assert.deepEqual(gunzipSync(body), plain);
    });

    test('repeated, empty and 8-bit fields arrive as the engine sent them', async () => {
      const { headers: got } = await ask('GET', '/fields');
      assert.deepEqual(got['set-cookie'], ['a=1', 'b=2']);
      assert.deepEqual(
        Buffer.from(got['x-bytes'], 'latin1'),
        Buffer.from([0x7a, 0xe9, 0xff, 0x7e]),
      );
      assert.equal(got['x-empty'], '');
    });

    test('the path and the query go to the engine byte for byte', async () => {
      const target = '/a;b,c/%C3%A9/~user/?q=a+b%20c&&x=%5B1%5D%2f..%2F&y';
      assert.equal(JSON.parse((await ask('GET', target)).body).target, target);
    });

    test('interim replies of the engine do not hide the final one', async () => {
      const { status, body } = await ask('GET', '/hints');
      assert.equal(status, 200);
      assert.deepEqual(JSON.parse(body), { final: true });
    });
  });

  describe('undici', () => {
    const dispatchers = [];
    after(() => Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy())));

    function fetchOf(target, options = {}) {
      if (dispatchers.length === 0) {
        dispatchers.push(new Agent());
      }
      return undiciFetch(gateway.url + target, {
        dispatcher: dispatchers[0],
        ...options,
        headers: { ...headers, ...options.headers },
      });
    }

    test('pipelined requests are answered in their order', async () => {
      const client = new Client(gateway.url, { pipelining: 10 });
      dispatchers.push(client);
      const targets = Array.from({ length: 60 }, (_, i) =>
        i % 3 === 0 ? `/chunked?bytes=${i * 100 + 1}` : `/length?bytes=${i * 100}`,
      );
      const bodies = await within(
        Promise.all(
          targets.map(async (path) => {
            const { statusCode, body } = await client.request({ method: 'GET', path, headers });
            assert.equal(statusCode, 200);
            return Buffer.from(await body.arrayBuffer());
          }),
        ),
        'all sixty replies',
      );
      bodies.forEach((body, i) =>
        assert.ok(body.equals(pattern(i % 3 === 0 ? i * 100 + 1 : i * 100)), `reply ${i}`),
      );
    });

    test('fetch unpacks what the engine packed', async () => {
      const reply = await fetchOf('/packed', { headers: { 'accept-encoding': 'gzip' } });
      assert.equal(reply.headers.get('content-encoding'), 'gzip');
      assert.equal(await reply.text(), plain.toString());
    });

    test('fetch sends a stream and gets it back while it sends', async () => {
      const pieces = Array.from({ length: 50 }, (_, i) => Buffer.from(`piece ${i};`));
      const reply = await fetchOf('/echo', {
        method: 'POST',
        body: Readable.toWeb(Readable.from(pieces)),
        duplex: 'half',
      });
      assert.equal(await reply.text(), Buffer.concat(pieces).toString());
    });

    test('fetch reads each piece before the next is written', async () => {
      const reply = await fetchOf('/steps');
      const reader = reply.body.getReader();
      for (let i = 0; i < 10; i++) {
        const { value } = await within(reader.read(), `piece ${i}`);
        assert.equal(Buffer.from(value).toString(), `piece ${i}`);
        await permit();
      }
      const seen = engine.requests.at(-1);
      await reader.cancel();
      await waitUntil(() => seen.left, 'the engine to see the client leave');
    });

    test('fetch with an AbortSignal: the engine sees the client leave before it has answered', async () => {
      const controller = new AbortController();
      const count = engine.requests.length;
      const asking = fetchOf('/steps', { signal: controller.signal });
      const seen = await engine.request(count);
      controller.abort();
      await assert.rejects(
        asking.then((reply) => reply.text()),
        { name: 'AbortError' },
      );
      await waitUntil(() => seen.left, 'the engine to see the client leave');
    });

    test('16 MiB up and the same back', async () => {
      const whole = pattern(large);
      const reply = await fetchOf('/echo', { method: 'POST', body: whole });
      assert.ok(Buffer.from(await reply.arrayBuffer()).equals(whole));
    });
  });

  describe('h11', () => {
    test('one connection: lengths, chunks, HEAD, 100-continue, 16 MiB both ways', async () => {
      const fields = (more = {}) =>
        Object.entries({
          Host: new URL(gateway.url).host,
          Authorization: `Bearer ${token}`,
          ...more,
        });
      const chunked = { 'Transfer-Encoding': 'chunked' };
      const replies = await askWithH11(gateway.url, [
        { method: 'GET', target: '/length?bytes=1000', headers: fields() },
        { method: 'GET', target: '/chunked?bytes=100000', headers: fields() },
        { method: 'POST', target: '/echo', headers: fields(chunked), pieces: ['a', 'bc', 'def'] },
        { method: 'HEAD', target: '/length?bytes=77', headers: fields() },
        {
          method: 'POST',
          target: '/echo',
          headers: fields({ 'Content-Length': '5', Expect: '100-continue' }),
          pieces: ['hello'],
          expects_continue: true,
        },
        { method: 'GET', target: '/empty', headers: fields() },
        { method: 'GET', target: '/hints', headers: fields() },
        {
          method: 'POST',
          target: '/return',
          headers: fields({ 'Content-Length': String(large) }),
          pattern_bytes: large,
        },
        { method: 'POST', target: '/return', headers: fields(chunked), pattern_bytes: large },
        {
          method: 'GET',
          target: '/length?bytes=1',
          headers: fields({ Authorization: 'Bearer not.a.token' }),
        },
        { method: 'GET', target: '/chunked?bytes=10', headers: fields({ Connection: 'close' }) },
      ]);
      assert.deepEqual(
        replies.map((reply) => reply.status),
        [200, 200, 200, 200, 200, 204, 200, 200, 200, 401, 200],
      );
      const bodies = [
        pattern(1000),
        pattern(100_000),
        'abcdef',
        '',
        'hello',
        '',
        '{"final":true}',
        pattern(large),
        pattern(large),
      ];
      bodies.forEach((body, i) =>
        assert.equal(replies[i].sha256, sha256(body), `the body of reply ${i}`),
      );
      assert.equal(replies[3].headers['content-length'], '77');
      assert.deepEqual(replies[4].interim, [100]);
      assert.ok(replies.slice(0, -1).every((reply) => reply.stays_open));
      assert.equal(replies.at(-1).stays_open, false);
      assert.equal(replies.at(-1).sha256, sha256(pattern(10)));
    });

    test('an engine made with h11 finds nothing wrong with what the gateway writes', async (t) => {
      const own = scopeOf(t);
      const options = {
        OIDC_ISSUER: issuer.url,
        OIDC_AUD: audience,
        ENGINE_URL: await startH11Engine(own),
        ENGINE_PATHS: '*',
        WORKERS: '1',
      };
      const second = await startGateway(own, options);
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      own.after(() => agent.destroy());
      const send = async (method, pieces, fields = {}) => {
        const request = http.request(`${second.url}/x?y`, {
          method,
          agent,
          headers: { ...headers, ...fields },
        });
        const response = once(request, 'response');
        pieces.forEach((piece) => request.write(piece));
        request.end();
        const [reply] = await within(response, 'the reply');
        return JSON.parse(await bodyOf(reply));
      };
      const whole = pattern(megabyte);
      const got = [
        await send('GET', []),
        await send('POST', [whole], { 'content-length': megabyte }),
        await send('POST', [
          whole.subarray(0, 1),
          whole.subarray(1, 70_000),
          whole.subarray(70_000),
        ]),
        await send('DELETE', []),
        await send('POST', [], { 'content-length': 0 }),
        await send('POST', ['x'], {
          connection: 'keep-alive, x-private',
          'x-private': 'for the gateway only',
        }),
      ];
      assert.deepEqual(
        got.map((each) => each.length),
        [0, megabyte, megabyte, 0, 0, 1],
      );
      assert.equal(got[1].sha256, sha256(whole));
      assert.equal(got[2].sha256, sha256(whole));
      assert.deepEqual(
        [...new Set(got.map((each) => each.connection))],
        [1],
        "the engine's connection was not kept",
      );
      for (const { headers: sent } of got) {
        const names = sent.map(([name]) => name);
        assert.ok(
          !names.includes('authorization') &&
            !names.includes('connection') &&
            !names.includes('x-private'),
          String(names),
        );
        assert.deepEqual(
          sent.filter(([name]) => name === 'x-attach-user'),
          [['x-attach-user', 'agent-one']],
        );
      }
    });
  });
});
