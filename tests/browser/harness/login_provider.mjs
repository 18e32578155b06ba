// SPDX-License-Identifier: MIT
//
// login_provider.mjs - oidc-provider with a login page for a person: a name is enough, and one may decline.
import { randomBytes } from 'node:crypto';
import http from 'node:http';

import { makeKeys } from '../../peers/harness/provider.mjs';
import { within } from '../../peers/harness/wait.mjs';
import { peerPackage } from './packages.mjs';

const { default: Provider } = await peerPackage('oidc-provider');

export const clientId = 'demo-page';
export const machine = { id: 'machine', secret: 'a secret of loopback only' };
export const audience = 'https://llm.example.test';

function configuration(jwks, origins, lifetime) {
  return {
    jwks,
    cookies: { keys: [randomBytes(16).toString('hex')] },
    clients: [
      {
        client_id: clientId,
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        redirect_uris: origins.flatMap((origin) => [`${origin}/demo/`, `${origin}/`]),
      },
      {
        client_id: machine.id,
        client_secret: machine.secret,
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
      },
      {
        client_id: 'terminal',
        token_endpoint_auth_method: 'none',
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
        response_types: [],
        redirect_uris: [],
      },
    ],
    clientBasedCORS: (_context, origin) => origins.includes(origin),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: '',
          audience,
          accessTokenTTL: lifetime,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    pkce: { required: () => true },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_context, interaction) => `/login/${interaction.uid}` },
    async loadExistingGrant(context) {
      const { oidc } = context;
      const grant = new oidc.provider.Grant({
        clientId: oidc.client.clientId,
        accountId: oidc.session.accountId,
      });
      grant.addOIDCScope('openid');
      grant.addResourceScope(audience, '');
      await grant.save();
      return grant;
    },
  };
}

const form = `<!doctype html><title>Login</title><form method="post">
<label>Name <input name="name" autofocus></label>
<button>Log in</button> <button name="decline" value="yes">Decline</button></form>`;

async function bodyOf(request) {
  const pieces = [];
  for await (const piece of request) {
    pieces.push(piece);
  }
  return new URLSearchParams(Buffer.concat(pieces).toString());
}

/** A provider for a page at <origins>, closed when <owner> ends. */
export async function startLoginProvider(owner, origins, lifetime = 300) {
  const answers = { callback: null, provider: null };
  const server = http.createServer(async (request, reply) => {
    if (!request.url.startsWith('/login/')) {
      answers.callback(request, reply);
    } else if (request.method === 'GET') {
      reply.setHeader('content-type', 'text/html');
      reply.end(form);
    } else {
      const said = await bodyOf(request);
      const result = said.has('decline')
        ? { error: 'access_denied', error_description: 'The person <b>declined</b>' }
        : { login: { accountId: said.get('name') } };
      await answers.provider.interactionFinished(request, reply, result);
    }
  });
  server.listen(0, '127.0.0.1');
  await within(
    new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject)),
    'the provider to listen',
  );
  owner.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${server.address().port}`;
  answers.provider = new Provider(url, configuration(await makeKeys(), origins, lifetime));
  answers.provider.on('server_error', (_context, error) => console.error(error));
  answers.callback = answers.provider.callback();
  return { url };
}
