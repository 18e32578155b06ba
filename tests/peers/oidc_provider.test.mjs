// SPDX-License-Identifier: MIT
//
// Tokens of oidc-provider, a certified OpenID Provider, and forgeries made with jose, at the gateway's door.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  calculateJwkThumbprint,
  createRemoteJWKSet,
  CompactEncrypt,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  importJWK,
  jwtVerify,
  SignJWT,
  UnsecuredJWT,
} from 'jose';

import { startEngine } from './harness/engine.mjs';
import { startGateway } from './harness/gateway.mjs';
import { algorithms, audience, makeKeys, startIssuer } from './harness/provider.mjs';
import { Scope, scopeOf } from './harness/scope.mjs';
import { sessionOf } from './harness/session.mjs';
import { patienceMs } from './harness/wait.mjs';

const target = '/api/tags';

function call(gateway, token, headers = {}) {
  return fetch(gateway.url + target, {
    signal: AbortSignal.timeout(patienceMs),
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
  });
}

async function expectAccepted(gateway, engine, token, user) {
  const reply = await call(gateway, token, { 'user-agent': 'peer' });
  const text = await reply.text();
  if (reply.status !== 200) {
    assert.fail(`${reply.status} ${text} ${JSON.stringify(await gateway.accessLine(reply))}`);
  }
  const { headers } = engine.requests.at(-1);
  assert.equal(headers['x-attach-user'], user);
  assert.equal(headers['x-attach-session'], sessionOf(user, 'peer'));
  assert.equal(headers.authorization, undefined, "the caller's token went to the engine");
}

async function expectDenied(gateway, engine, token, reason) {
  const before = engine.requests.length;
  const reply = await call(gateway, token);
  assert.equal(reply.status, 401, await reply.text());
  assert.match(
    reply.headers.get('www-authenticate'),
    /^Bearer realm="[^"]+", error="invalid_token"/,
  );
  assert.equal((await gateway.accessLine(reply)).reason, reason);
  assert.equal(engine.requests.length, before, 'a denied request reached the engine');
}

describe('tokens of oidc-provider', () => {
  const scope = new Scope();
  let jwks;
  let issuer;
  let engine;
  let gateway;

  before(async () => {
    jwks = await makeKeys();
    issuer = await startIssuer(scope, jwks);
    engine = await startEngine(scope);
    gateway = await startGateway(scope, {
      OIDC_ISSUER: issuer.url,
      OIDC_AUD: audience,
      ENGINE_URL: engine.url,
    });
  });
  after(() => scope.close());

  test('the keys were found by discovery, where this provider has them: /jwks', () => {
    assert.deepEqual(issuer.requests, ['/.well-known/openid-configuration', '/jwks']);
  });

  for (const alg of algorithms) {
    test(`${alg}: an access token is accepted`, async () => {
      const token = await issuer.token({ alg });
      const keys = createRemoteJWKSet(new URL(`${issuer.url}/jwks`));
      const { protectedHeader } = await jwtVerify(token, keys, {
        issuer: issuer.url,
        audience,
        typ: 'at+jwt',
      });
      assert.equal(protectedHeader.alg, alg);
      await expectAccepted(gateway, engine, token, 'agent-one');
    });

    test(`${alg}: the same with one bit of the signature turned is refused`, async () => {
      const token = await issuer.token({ alg });
      const [header, payload, signature] = token.split('.');
      const bytes = Buffer.from(signature, 'base64url');
      bytes[bytes.length >> 1] ^= 0x10;
      await expectDenied(
        gateway,
        engine,
        `${header}.${payload}.${bytes.toString('base64url')}`,
        'signature_invalid',
      );
    });
  }

  test('a token whose subject was changed is refused', async () => {
    const [header, payload, signature] = (await issuer.token()).split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url'));
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url');
    await expectDenied(gateway, engine, `${header}.${forged}.${signature}`, 'signature_invalid');
  });

  test('two clients are two users', async () => {
    await expectAccepted(gateway, engine, await issuer.token({ client: 'agent-one' }), 'agent-one');
    await expectAccepted(gateway, engine, await issuer.token({ client: 'agent-two' }), 'agent-two');
  });

  test('bytes that a header cannot carry are written as %XX in X-Attach-User', async () => {
    await expectAccepted(
      gateway,
      engine,
      await issuer.token({ client: 'agent|three%' }),
      'agent|three%25',
    );
    const { access_token: token } = await issuer.login('Zoë Ω');
    await expectAccepted(gateway, engine, token, 'Zo%C3%AB%20%CE%A9');
  });

  test('a token for another audience is refused', async () => {
    await expectDenied(
      gateway,
      engine,
      await issuer.token({ aud: 'https://other.example.test' }),
      'audience_mismatch',
    );
  });

  test('an expired token is refused, and the reply says that it expired', async () => {
    const token = await issuer.tokenOfThePast(120, { seconds: 10 });
    await expectDenied(gateway, engine, token, 'expired');
    const reply = await call(gateway, token);
    assert.match(reply.headers.get('www-authenticate'), /expired/);
    await reply.arrayBuffer();
  });

  test('a token that expired half a minute ago is within the leeway', async () => {
    await expectAccepted(
      gateway,
      engine,
      await issuer.tokenOfThePast(40, { seconds: 10 }),
      'agent-one',
    );
  });

  test('an opaque access token is refused', async () => {
    await expectDenied(gateway, engine, await issuer.token({ alg: 'opaque' }), 'not_compact_jws');
  });

  test('of a login the access token is accepted and the ID token is not', async () => {
    const { access_token: accessToken, id_token: idToken } = await issuer.login('alice');
    assert.equal(decodeJwt(idToken).sub, 'alice');
    assert.equal(decodeJwt(idToken).aud, 'login-page');
    await expectAccepted(gateway, engine, accessToken, 'alice');
    await expectDenied(gateway, engine, idToken, 'audience_mismatch');
  });

  test('a token bound to a key by DPoP is refused as a plain bearer token', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const proof = await new SignJWT({ htm: 'POST', htu: `${issuer.url}/token`, jti: 'once' })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey) })
      .setIssuedAt()
      .sign(privateKey);
    const token = await issuer.token({ headers: { dpop: proof } });
    assert.equal(
      decodeJwt(token).cnf.jkt,
      await calculateJwkThumbprint(await exportJWK(publicKey)),
    );
    await expectDenied(gateway, engine, token, 'sender_constrained');
  });

  test('a token of another provider is refused', async (t) => {
    const other = await startIssuer(scopeOf(t));
    await expectDenied(gateway, engine, await other.token(), 'issuer_untrusted');
  });

  test('without a token the reply asks for one', async () => {
    const reply = await call(gateway, null);
    assert.equal(reply.status, 401);
    assert.match(reply.headers.get('www-authenticate'), /^Bearer realm="[^"]+"$/);
    assert.deepEqual(await reply.json(), { detail: 'Missing Bearer token' });
  });

  describe('forgeries made with jose from a good token', () => {
    let claims;
    let header;
    let rsa;

    before(async () => {
      const token = await issuer.token();
      claims = decodeJwt(token);
      header = decodeProtectedHeader(token);
      rsa = jwks.keys.find((key) => key.kty === 'RSA');
    });

    test('the same claims signed anew with the same key are accepted: the forgeries fail for what is forged', async () => {
      const token = await new SignJWT(claims)
        .setProtectedHeader(header)
        .sign(await importJWK(rsa, 'RS256'));
      await expectAccepted(gateway, engine, token, 'agent-one');
    });

    test('alg none', async () => {
      await expectDenied(gateway, engine, new UnsecuredJWT(claims).encode(), 'segment_empty');
    });

    test('the public key used as the secret of HS256', async () => {
      const pem = createPublicKey({ key: rsa, format: 'jwk' }).export({
        type: 'spki',
        format: 'pem',
      });
      const token = await new SignJWT(claims)
        .setProtectedHeader({ ...header, alg: 'HS256' })
        .sign(Buffer.from(pem));
      await expectDenied(gateway, engine, token, 'alg_not_allowed');
    });

    test("a key of the forger's own in the header", async () => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const jwk = await exportJWK(publicKey);
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', jwk })
        .sign(privateKey);
      await expectDenied(gateway, engine, token, 'header_jwk');
    });

    test("a key of the forger's own under a kid of the provider", async () => {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      await expectDenied(
        gateway,
        engine,
        await new SignJWT(claims).setProtectedHeader(header).sign(privateKey),
        'signature_invalid',
      );
    });

    test("the provider's key under an alg it was not published for", async () => {
      const ec = jwks.keys.find((key) => key.crv === 'P-256');
      const token = await new SignJWT(claims)
        .setProtectedHeader({ ...header, alg: 'RS256', kid: ec.kid })
        .sign(await importJWK(rsa, 'RS256'));
      await expectDenied(gateway, engine, token, 'key_unfit');
    });

    test('an extension marked critical', async () => {
      const token = await new SignJWT(claims)
        .setProtectedHeader({ ...header, crit: ['urn:x'], 'urn:x': true })
        .sign(await importJWK(rsa, 'RS256'), { crit: { 'urn:x': true } });
      await expectDenied(gateway, engine, token, 'header_crit');
    });

    test('an encrypted token around the good one', async () => {
      const signed = await issuer.token();
      const token = await new CompactEncrypt(Buffer.from(signed))
        .setProtectedHeader({ alg: 'RSA-OAEP', enc: 'A256GCM', kid: rsa.kid })
        .encrypt(createPublicKey({ key: rsa, format: 'jwk' }));
      await expectDenied(gateway, engine, token, 'encrypted');
    });

    for (const [typ, reason] of [
      ['dpop+jwt', 'typ_not_accepted'],
      ['logout+jwt', 'typ_not_accepted'],
    ]) {
      test(`typ ${typ}`, async () => {
        const token = await new SignJWT(claims)
          .setProtectedHeader({ ...header, typ })
          .sign(await importJWK(rsa, 'RS256'));
        await expectDenied(gateway, engine, token, reason);
      });
    }

    for (const [missing, reason] of [
      ['exp', 'exp_missing'],
      ['aud', 'audience_missing'],
      ['sub', 'subject_missing'],
    ]) {
      test(`no ${missing}`, async () => {
        const { [missing]: _, ...rest } = claims;
        const token = await new SignJWT(rest)
          .setProtectedHeader(header)
          .sign(await importJWK(rsa, 'RS256'));
        await expectDenied(gateway, engine, token, reason);
      });
    }

    test('nbf in an hour', async () => {
      const token = await new SignJWT({ ...claims, nbf: claims.iat + 3600 })
        .setProtectedHeader(header)
        .sign(await importJWK(rsa, 'RS256'));
      await expectDenied(gateway, engine, token, 'not_yet_valid');
    });
  });
});

describe('the life of an issuer', () => {
  const cooldownMs = 100; // from one fetch of the keys, of any kind, to the next
  const scope = new Scope();
  let engine;

  before(async () => {
    engine = await startEngine(scope);
  });
  after(() => scope.close());
  beforeEach(() => engine.requests.splice(0));

  const options = (...issuers) => ({
    OIDC_ISSUER: issuers.map((issuer) => issuer.url).join(','),
    OIDC_AUD: audience,
    ENGINE_URL: engine.url,
    JWKS_COOLDOWN: `${cooldownMs}ms`,
  });

  test('a rotation of all keys is followed without a restart', async (t) => {
    const own = scopeOf(t);
    const issuer = await startIssuer(own);
    const gateway = await startGateway(own, options(issuer));
    const old = await issuer.token();
    await expectAccepted(gateway, engine, old, 'agent-one');
    await issuer.reopen(await makeKeys());
    await expectAccepted(gateway, engine, old, 'agent-one'); // nothing told the gateway yet
    await sleep(2 * cooldownMs);
    for (const alg of ['RS256', 'ES256', 'EdDSA']) {
      await expectAccepted(gateway, engine, await issuer.token({ alg }), 'agent-one');
    }
    assert.equal(
      issuer.requests.filter((path) => path === '/jwks').length,
      2,
      'one fetch at the start, one for the new keys',
    );
    await expectDenied(gateway, engine, old, 'key_unknown');
  });

  test('one key more beside the old ones: old and new tokens are good', async (t) => {
    const own = scopeOf(t);
    const jwks = await makeKeys();
    const issuer = await startIssuer(own, jwks);
    const gateway = await startGateway(own, options(issuer));
    const old = await issuer.token();
    await issuer.reopen({ keys: [...(await makeKeys()).keys.slice(0, 1), ...jwks.keys] });
    const fresh = await issuer.token();
    assert.notEqual(decodeProtectedHeader(fresh).kid, decodeProtectedHeader(old).kid);
    await sleep(2 * cooldownMs);
    await expectAccepted(gateway, engine, fresh, 'agent-one');
    await expectAccepted(gateway, engine, old, 'agent-one');
  });

  test('while the provider is down, tokens with a known key go on being verified', async (t) => {
    const own = scopeOf(t);
    const issuer = await startIssuer(own);
    const gateway = await startGateway(own, { ...options(issuer), TOKEN_CACHE_ENTRIES: '0' });
    const seen = await issuer.token({ client: 'agent-one' });
    const unseen = await issuer.token({ client: 'agent-two', alg: 'ES384' });
    await expectAccepted(gateway, engine, seen, 'agent-one');
    await issuer.close();
    const stranger = await new SignJWT(decodeJwt(seen))
      .setProtectedHeader({ alg: 'ES256', kid: "nobody's" })
      .sign(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
    await expectDenied(gateway, engine, stranger, 'key_unknown'); // asks the provider in vain
    await expectAccepted(gateway, engine, seen, 'agent-one');
    await expectAccepted(gateway, engine, unseen, 'agent-two');
    const ready = await fetch(`${gateway.url}/readyz`);
    await ready.arrayBuffer();
    assert.equal(ready.status, 200);
  });

  test('a provider that comes up after the gateway makes it ready', async (t) => {
    const own = scopeOf(t);
    const issuer = await startIssuer(own);
    await issuer.close();
    const starting = startGateway(own, options(issuer));
    await issuer.reopen(await makeKeys());
    await expectAccepted(await starting, engine, await issuer.token(), 'agent-one');
  });

  test('of two issuers the users of the second go by issuer|subject', async (t) => {
    const own = scopeOf(t);
    const first = await startIssuer(own);
    const second = await startIssuer(own);
    const gateway = await startGateway(own, options(first, second));
    await expectAccepted(gateway, engine, await first.token(), 'agent-one');
    await expectAccepted(
      gateway,
      engine,
      await second.token({ alg: 'EdDSA' }),
      `${second.url}|agent-one`,
    );
  });

  test('an issuer that is configured with a final slash is the same one', async (t) => {
    const own = scopeOf(t);
    const issuer = await startIssuer(own);
    const gateway = await startGateway(own, { ...options(issuer), OIDC_ISSUER: `${issuer.url}/` });
    await expectAccepted(gateway, engine, await issuer.token(), 'agent-one');
  });
});
