// SPDX-License-Identifier: MIT
//
// gateway.js - calls to the gateway with the token, which is kept here and nowhere else, and what goes wrong in words.

/** Something that a person can read; <isExpired> asks for a new login. */
export class Trouble extends Error {
  constructor(message, { status = 0, isExpired = false } = {}) {
    super(message);
    this.status = status;
    this.isExpired = isExpired;
  }
}

const sentences = {
  403: 'The gateway does not allow this',
  404: 'There is no such thing, or it is not yours',
  413: 'That is too long',
  429: 'Too many at once: wait a little',
  502: 'The engine is away. Is it running?',
  503: 'The gateway cannot do that at the moment',
  504: 'The engine takes too long',
  507: 'There is no room left in memory',
};

async function detailOf(reply) {
  try {
    const body = await reply.json();
    const detail = body.detail ?? body.error?.message ?? body.error;
    return typeof detail === 'string' ? detail : '';
  } catch {
    return '';
  }
}

async function troubleOf(reply) {
  const detail = await detailOf(reply);
  if (reply.status === 401) {
    const isExpired = /expired/.test(`${reply.headers.get('www-authenticate')} ${detail}`);
    const message = isExpired
      ? 'Your token has expired: log in again.'
      : `The gateway does not accept this token: ${detail || 'it does not say why'}`;
    return new Trouble(message, { status: 401, isExpired: true });
  }
  const sentence = sentences[reply.status] ?? `The gateway answered HTTP ${reply.status}`;
  return new Trouble(detail ? `${sentence} (${detail})` : sentence, { status: reply.status });
}

/** 128 bits as hex digits; crypto.randomUUID is there on https and localhost only. */
export function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Gateway {
  #token = null;

  constructor(url) {
    this.url = url.replace(/\/+$/, '');
    this.session = `demo-${randomId()}`; // all that this page does is one session
  }

  get hasToken() {
    return this.#token !== null;
  }

  useToken(token) {
    this.#token = token;
  }

  forgetToken() {
    this.#token = null;
  }

  /** The reply, when it is a good one. <options> are fetch's; <json> becomes the body. */
  async ask(path, { json, headers = {}, ...options } = {}) {
    const all = { 'X-Attach-Session': this.session, ...headers };
    if (this.#token !== null) {
      all.Authorization = `Bearer ${this.#token}`;
    }
    if (json !== undefined) {
      all['Content-Type'] = 'application/json';
    }
    let reply;
    try {
      reply = await fetch(this.url + path, {
        method: json === undefined ? 'GET' : 'POST',
        headers: all,
        body: json === undefined ? undefined : JSON.stringify(json),
        credentials: 'omit',
        cache: 'no-store',
        ...options,
      });
    } catch (error) {
      if (error.name === 'AbortError') {
        throw error;
      }
      throw new Trouble(`The gateway at ${this.url} does not answer. Is it running, and may this page call it?`);
    }
    if (!reply.ok) {
      throw await troubleOf(reply);
    }
    return reply;
  }

  async json(path, options) {
    return (await this.ask(path, options)).json();
  }

  /** One A2A method over JSON-RPC; <agent> is null for the gateway itself. */
  async rpc(agent, method, params) {
    const reply = await this.json(agent ? `/a2a/agents/${encodeURIComponent(agent)}` : '/a2a', {
      headers: { 'A2A-Version': '1.0' },
      json: { jsonrpc: '2.0', id: 1, method, params },
    });
    if (reply.error) {
      throw new Trouble(reply.error.message);
    }
    return reply.result;
  }

  /** The results of a streaming A2A method as they come. */
  async *rpcStream(agent, method, params, { requestId, signal }) {
    const reply = await this.ask(`/a2a/agents/${encodeURIComponent(agent)}`, {
      headers: { 'A2A-Version': '1.0', Accept: 'text/event-stream', 'X-Request-Id': requestId },
      json: { jsonrpc: '2.0', id: 1, method, params },
      signal,
    });
    if (!/^text\/event-stream/.test(reply.headers.get('content-type'))) {
      const body = await reply.json();
      const unknown = /unknown|not found|no such/i.test(body.error?.message ?? '');
      throw new Trouble(
        unknown
          ? `The gateway knows no agent called ${agent}: A2A_AGENTS names them. script/server --demo starts it.`
          : (body.error?.message ?? 'The gateway gave no stream'),
      );
    }
    for await (const line of linesOf(reply.body)) {
      if (line.startsWith('data:')) {
        const event = JSON.parse(line.slice(5));
        if (event.error) {
          throw new Trouble(event.error.message);
        }
        yield event.result;
      }
    }
  }
}

/** The lines of a stream of bytes, as they come. */
export async function* linesOf(stream) {
  let rest = '';
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch (error) {
      if (error.name === 'AbortError') {
        throw error;
      }
      throw new Trouble('The answer broke off: the connection to the gateway ended, or the engine went away.');
    }
    rest += piece.value ?? '';
    const lines = rest.split('\n');
    rest = lines.pop();
    yield* lines;
    if (piece.done) {
      if (rest) {
        yield rest;
      }
      return;
    }
  }
}
