// SPDX-License-Identifier: MIT
//
// provider.mjs - oidc-provider, a certified OpenID Provider, on loopback: machine clients get signed JWT access tokens
// for a resource, a user can be logged in by the authorization code flow, keys can be changed under its feet.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

import { bodyOf } from './engine.mjs';
import { within } from './wait.mjs';

export const audience = 'https://llm.example.test';

/** Every algorithm the provider signs access tokens with. */
export const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

const clientSecret = 'a secret of loopback only';
const redirectUri = 'https://login.example.test/callback';

/** One private key for each family of algorithms; without alg, so that one RSA key serves all six. */
export async function makeKeys() {
  const jwks = await Promise.all(
    ['RS256', 'ES256', 'ES384', 'ES512', 'Ed25519'].map(async (alg) => {
      const { privateKey } = await generateKeyPair(alg, { extractable: true });
      const jwk = await exportJWK(privateKey);
      return { ...jwk, kid: await calculateJwkThumbprint(jwk), use: 'sig' };
    }),
  );
  return { keys: jwks };
}

/** A resource is spelled urn:peer:<alg>:<seconds>[:<audience>], so that a test says in its request what it wants. */
export function resourceOf({ alg = 'RS256', seconds = 300, aud = audience } = {}) {
  return `urn:peer:${alg}:${seconds}:${encodeURIComponent(aud)}`;
}

function resourceServer(_context, resource) {
  const [, , alg, seconds, aud] = resource.split(':');
  const common = {
    scope: 'chat:run',
    audience: decodeURIComponent(aud),
    accessTokenTTL: Number(seconds),
  };
  if (alg === 'opaque') {
    return { ...common, accessTokenFormat: 'opaque' };
  }
  return { ...common, accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
}

function client(id, members) {
  return {
    client_id: id,
    client_secret: clientSecret,
    redirect_uris: [],
    response_types: [],
    ...members,
  };
}

/** What the provider remembers: sessions, codes and grants, for as long as it runs. */
function adapterOf() {
  const rows = new Map();
  const byUid = new Map();
  return class Adapter {
    constructor(kind) {
      this.kind = kind;
    }

    async upsert(id, payload) {
      rows.set(`${this.kind}:${id}`, payload);
      if (payload.uid) {
        byUid.set(payload.uid, payload);
      }
    }

    async find(id) {
      return rows.get(`${this.kind}:${id}`);
    }

    async findByUid(uid) {
      return byUid.get(uid);
    }

    async consume(id) {
      rows.get(`${this.kind}:${id}`).consumed = Math.floor(Date.now() / 1000);
    }

    async destroy(id) {
      rows.delete(`${this.kind}:${id}`);
    }
  };
}

function configuration(jwks) {
  return {
    adapter: adapterOf(),
    jwks,
    cookies: { keys: [randomBytes(16).toString('hex')] },
    clients: [
      client('agent-one', { grant_types: ['client_credentials'] }),
      client('agent-two', { grant_types: ['client_credentials'] }),
      client('agent|three%', { grant_types: ['client_credentials'] }),
      client('login-page', {
        grant_types: ['authorization_code'],
        response_types: ['code'],
        redirect_uris: [redirectUri],
      }),
    ],
    scopes: ['openid', 'chat:run'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: resourceServer,
        useGrantedResource: () => true,
      },
    },
    ttl: {
      ClientCredentials: (_context, token) => token.resourceServer.accessTokenTTL,
      AccessToken: 300,
      IdToken: 300,
      Grant: 300,
      Session: 300,
      Interaction: 300,
    },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_context, interaction) => `/login/${interaction.uid}` },
    loadExistingGrant: grantEverything,
  };
}

/** One request on a connection of its own: the provider goes away and comes back. */
async function ask(url, options, content = '') {
  const request = http.request(url, { ...options, agent: false });
  request.end(content);
  const [reply] = await within(once(request, 'response'), `${url.pathname} of the provider`);
  const body = (await within(bodyOf(reply), `the body of ${url.pathname}`)).toString();
  return { status: reply.statusCode, headers: reply.headers, body };
}

/** Consent is not what is tested here. */
async function grantEverything(context) {
  const { oidc } = context;
  const grant = new oidc.provider.Grant({
    clientId: oidc.client.clientId,
    accountId: oidc.session.accountId,
  });
  grant.addOIDCScope(oidc.params.scope);
  for (const resource of [oidc.params.resource].flat().filter(Boolean)) {
    grant.addResourceScope(resource, 'chat:run');
  }
  await grant.save();
  return grant;
}

export class Issuer {
  /** What the provider was asked for, as paths, since the start. */
  requests = [];

  async open(jwks, port = 0) {
    this.server = http.createServer((request, reply) => this.answer(request, reply));
    this.server.listen(port, '127.0.0.1');
    await within(
      new Promise((resolve, reject) => {
        this.server.once('listening', resolve).once('error', reject);
      }),
      'the provider to listen',
    );
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    this.provider = new Provider(this.url, configuration(jwks));
    this.provider.on('server_error', (_context, error) => console.error(error));
  }

  answer(request, reply) {
    this.requests.push(request.url);
    if (request.url.startsWith('/login/')) {
      const result = { login: { accountId: this.accountId } };
      this.provider.interactionFinished(request, reply, result).catch((error) => {
        console.error(error);
        reply.destroy();
      });
      return;
    }
    this.provider.callback()(request, reply);
  }

  /** From now on nobody answers on the port. */
  async close() {
    if (!this.server.listening) {
      return;
    }
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await within(closed, 'the provider to close');
  }

  /** The same issuer with other keys, as after a rotation. */
  async reopen(jwks) {
    await this.close();
    await this.open(jwks, this.port);
  }

  async post(parameters, headers = {}) {
    const { status, body } = await ask(
      new URL('/token', this.url),
      {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      },
      new URLSearchParams(parameters).toString(),
    );
    if (status !== 200) {
      throw new Error(`the provider says ${status}: ${body}`);
    }
    return JSON.parse(body);
  }

  /** An access token of the client_credentials grant (RFC 6749 4.4) for a resource (RFC 8707). */
  async token({ client: id = 'agent-one', headers = {}, ...resource } = {}) {
    const body = await this.post(
      {
        grant_type: 'client_credentials',
        client_id: id,
        client_secret: clientSecret,
        resource: resourceOf(resource),
        scope: 'chat:run',
      },
      headers,
    );
    return body.access_token;
  }

  /** A token as the provider would have made it <secondsAgo>: its clock is this process's clock. */
  async tokenOfThePast(secondsAgo, wishes) {
    const now = Date.now;
    Date.now = () => now() - secondsAgo * 1000;
    try {
      return await this.token(wishes);
    } finally {
      Date.now = now;
    }
  }

  /** Logs <accountId> in with the authorization code flow and PKCE: {id_token, access_token, ...}. */
  async login(accountId) {
    const verifier = randomBytes(32).toString('base64url');
    const resource = resourceOf();
    this.accountId = accountId;
    const location = await this.followToCallback(
      new URLSearchParams({
        client_id: 'login-page',
        response_type: 'code',
        redirect_uri: redirectUri,
        scope: 'openid chat:run',
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        resource,
      }),
    );
    return this.post({
      grant_type: 'authorization_code',
      code: location.searchParams.get('code'),
      client_id: 'login-page',
      client_secret: clientSecret,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      resource,
    });
  }

  /** What a browser does: follow the redirects and carry the cookies, up to the page that asked. */
  async followToCallback(parameters) {
    const cookies = new Map();
    let url = new URL(`/auth?${parameters}`, this.url);
    for (let hop = 0; hop < 10; hop++) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const { status, headers, body } = await ask(url, { headers: { cookie } });
      for (const line of headers['set-cookie'] ?? []) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        cookies.set(name, value);
      }
      if (!headers.location) {
        throw new Error(`the login stops at ${url.pathname}: ${status} ${body}`);
      }
      url = new URL(headers.location, url);
      if (url.href.startsWith(redirectUri)) {
        return url;
      }
    }
    throw new Error('the login goes round in circles');
  }
}

/** A provider that listens, closed when <owner> ends. */
export async function startIssuer(owner, jwks) {
  const issuer = new Issuer();
  owner.after(() => issuer.close());
  await issuer.open(jwks ?? (await makeKeys()));
  return issuer;
}
