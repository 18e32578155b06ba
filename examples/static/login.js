// SPDX-License-Identifier: MIT
//
// login.js - OIDC: authorization code with PKCE (RFC 7636) for a public client, with what /auth/config says. What has to
// survive the trip to the login page - state and verifier, no token - lies in sessionStorage until the return.
import { Trouble } from './gateway.js';

const kept = 'attach-login';

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function challengeOf(verifier) {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
}

const withoutSlash = (url) => url.replace(/\/+$/, '');

/** Where to come back to: this page, without what a login added. */
function redirectUri() {
  return `${location.origin}${location.pathname}`;
}

async function discover(domain) {
  const issuer = withoutSlash(/^https?:\/\//.test(domain) ? domain : `https://${domain}`);
  let reply;
  try {
    reply = await fetch(`${issuer}/.well-known/openid-configuration`, { credentials: 'omit' });
  } catch {
    throw new Trouble(`The login at ${issuer} does not answer, or does not let this page ask.`);
  }
  if (!reply.ok) {
    throw new Trouble(`The login at ${issuer} says HTTP ${reply.status} to discovery.`);
  }
  const found = await reply.json();
  if (withoutSlash(String(found.issuer)) !== issuer) {
    throw new Trouble(`The login at ${issuer} calls itself ${found.issuer}.`);
  }
  return found;
}

/** Leaves this page for the login; comes back to finishLogin. */
export async function startLogin(config, gatewayUrl) {
  const found = await discover(config.domain);
  const state = random();
  const verifier = random();
  sessionStorage.setItem(
    kept,
    JSON.stringify({ state, verifier, config, gatewayUrl, issuer: found.issuer, endpoint: found.token_endpoint }),
  );
  const url = new URL(found.authorization_endpoint);
  const parameters = {
    response_type: 'code',
    client_id: config.client_id,
    redirect_uri: redirectUri(),
    scope: 'openid',
    state,
    code_challenge: await challengeOf(verifier),
    code_challenge_method: 'S256',
    ...audienceOf(config),
  };
  for (const [name, value] of Object.entries(parameters)) {
    url.searchParams.set(name, value);
  }
  location.assign(url);
}

/** Auth0 reads `audience`, RFC 8707 issuers read `resource`, which must be a URI. */
function audienceOf({ audience }) {
  if (!audience) {
    return {};
  }
  return /^[a-z][a-z0-9+.-]*:/i.test(audience) ? { audience, resource: audience } : { audience };
}

/** After the return from a login: {token, gatewayUrl}. Null when this is no return. */
export async function finishLogin() {
  const query = new URLSearchParams(location.search);
  const text = sessionStorage.getItem(kept);
  if (!query.has('state') || !(query.has('code') || query.has('error'))) {
    return null;
  }
  sessionStorage.removeItem(kept);
  history.replaceState(null, '', redirectUri()); // the code is good once, and for nobody else's eyes
  const login = text ? JSON.parse(text) : null;
  if (!login || query.get('state') !== login.state) {
    throw new Trouble('This login was not begun here, or was begun twice: log in again.');
  }
  if (query.has('iss') && query.get('iss') !== login.issuer) {
    throw new Trouble('The answer to the login came from another issuer: log in again.');
  }
  if (query.has('error')) {
    throw new Trouble(`The login was refused: ${query.get('error_description') ?? query.get('error')}`);
  }
  return { token: await redeem(login, query.get('code')), gatewayUrl: login.gatewayUrl };
}

async function redeem(login, code) {
  let reply;
  try {
    reply = await fetch(login.endpoint, {
      method: 'POST',
      credentials: 'omit',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: login.config.client_id,
        redirect_uri: redirectUri(),
        code,
        code_verifier: login.verifier,
        ...audienceOf(login.config),
      }),
    });
  } catch {
    throw new Trouble('The login does not let this page fetch a token: its origin must be allowed there (CORS).');
  }
  const body = await reply.json().catch(() => ({}));
  if (!reply.ok || typeof body.access_token !== 'string') {
    throw new Trouble(`The login gave no token: ${body.error_description ?? body.error ?? `HTTP ${reply.status}`}`);
  }
  return body.access_token;
}
