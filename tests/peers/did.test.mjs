// SPDX-License-Identifier: MIT
//
// Tokens of the real did-jwt, ethers and siwe at the gateway's door: accepted as the right user, and refused as soon as
// one bit of signature, payload, audience or expiry is another.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';

import { createJWT, EdDSASigner, ES256KSigner, ES256Signer, verifyJWT } from 'did-jwt';
import { encodeBase58, getBytes, keccak256, sha256, SigningKey, Wallet } from 'ethers';
import { SiweMessage } from 'siwe';

import { makeDirectory } from './harness/directory.mjs';
import { startEngine } from './harness/engine.mjs';
import { binary, startGateway } from './harness/gateway.mjs';
import { Scope } from './harness/scope.mjs';
import { sessionOf } from './harness/session.mjs';
import { patienceMs } from './harness/wait.mjs';

const audience = 'attach-gateway';
const domain = 'llm.example.com';
const origin = `https://${domain}`;
const target = '/api/tags';

const base64url = (bytes) => Buffer.from(bytes).toString('base64url');
const seconds = (offset) => Math.floor(Date.now() / 1000) + offset;
const hexBytes = (hex) => getBytes(hex);

/** The z form of a multicodec key: base58 of ethers, with the leading zero bytes it leaves to us (there are none). */
function didKey(prefix, key) {
  return `did:key:z${encodeBase58(Uint8Array.from([...prefix, ...key]))}`;
}

function ed25519Key() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const jwk = privateKey.export({ format: 'jwk' });
  const seed = Buffer.from(jwk.d, 'base64url');
  const point = Buffer.from(jwk.x, 'base64url');
  return { privateKey, publicKey, seed, point };
}

/* ---- the kinds of callers: each makes a token of given claims, and says who it is ---- */

function eddsaCaller() {
  const { seed, point } = ed25519Key();
  const did = didKey([0xed, 0x01], point);
  const signer = EdDSASigner(Buffer.concat([seed, point]));
  return { did, token: (claims) => createJWT(claims, { issuer: did, signer, alg: 'EdDSA' }) };
}

function es256kCaller() {
  const key = new SigningKey(randomBytes(32));
  const did = didKey([0xe7, 0x01], hexBytes(key.compressedPublicKey));
  const signer = ES256KSigner(hexBytes(key.privateKey));
  return { did, token: (claims) => createJWT(claims, { issuer: did, signer, alg: 'ES256K' }) };
}

function es256Caller() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const jwk = privateKey.export({ format: 'jwk' });
  const x = Buffer.from(jwk.x, 'base64url');
  const y = Buffer.from(jwk.y, 'base64url');
  const did = didKey([0x80, 0x24], [2 + (y.at(-1) & 1), ...x]);
  const signer = ES256Signer(Buffer.from(jwk.d, 'base64url'));
  return { did, token: (claims) => createJWT(claims, { issuer: did, signer, alg: 'ES256' }) };
}

function walletCaller(alg) {
  const wallet = Wallet.createRandom();
  const did = `did:pkh:eip155:1:${wallet.address}`;
  const signer = ES256KSigner(hexBytes(wallet.privateKey), alg === 'ES256K-R');
  return { did, token: (claims) => createJWT(claims, { issuer: did, signer, alg }) };
}

function didJwkCaller() {
  const { seed, point } = ed25519Key();
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: base64url(point) };
  const did = `did:jwk:${base64url(JSON.stringify(jwk))}`;
  const signer = EdDSASigner(Buffer.concat([seed, point]));
  return { did, token: (claims) => createJWT(claims, { issuer: did, signer, alg: 'EdDSA' }) };
}

function prefixed(did, claims) {
  return `${did}.${base64url(JSON.stringify(claims))}`;
}

function prefixedKeyCaller() {
  const { privateKey, point } = ed25519Key();
  const did = didKey([0xed, 0x01], point);
  return {
    did,
    token: async (claims) => {
      const text = prefixed(did, claims);
      return `${text}.${base64url(sign(null, Buffer.from(text), privateKey))}`;
    },
  };
}

function prefixedWalletCaller() {
  const wallet = Wallet.createRandom();
  const did = `did:pkh:eip155:1:${wallet.address}`;
  return {
    did,
    token: async (claims) => {
      const text = prefixed(did, claims);
      return `${text}.${base64url(hexBytes(await wallet.signMessage(text)))}`;
    },
  };
}

function solanaCaller() {
  let { privateKey, point } = ed25519Key();
  while (point[0] === 0) {
    ({ privateKey, point } = ed25519Key()); // encodeBase58 leaves leading zero bytes out
  }
  const did = `did:pkh:solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:${encodeBase58(point)}`;
  return {
    did,
    token: async (claims) => {
      const text = prefixed(did, claims);
      return `${text}.${base64url(sign(null, Buffer.from(text), privateKey))}`;
    },
  };
}

const callers = {
  'did-jwt EdDSA, did:key': eddsaCaller,
  'did-jwt ES256K, did:key': es256kCaller,
  'did-jwt ES256, did:key': es256Caller,
  'did-jwt ES256K-R, did:pkh': () => walletCaller('ES256K-R'),
  'did-jwt ES256K, did:pkh': () => walletCaller('ES256K'),
  'did-jwt EdDSA, did:jwk': didJwkCaller,
  'Ed25519 of node, DID-prefixed did:key': prefixedKeyCaller,
  'ethers personal_sign, DID-prefixed did:pkh': prefixedWalletCaller,
  'Ed25519 of node, DID-prefixed solana': solanaCaller,
};

function claims(changes = {}) {
  return { aud: audience, iat: seconds(0), exp: seconds(600), ...changes };
}

/** Turns one bit of the segment <index> from the right, in the byte that <find> names. */
function turned(token, index, find) {
  const segments = token.split('.');
  const at = segments.length - 1 - index;
  const bytes = Buffer.from(segments[at], 'base64url');
  bytes[find(bytes)] ^= 0x01;
  segments[at] = base64url(bytes);
  return segments.join('.');
}

const turnedSignature = (token) => turned(token, 0, (bytes) => bytes.length >> 1);

/** The payload stays well formed: the second digit of exp is another, or the first letter of a statement. */
function turnedPayload(token) {
  return turned(token, 1, (bytes) => {
    const text = bytes.toString('latin1');
    const at = text.search(/"exp":/) < 0 ? text.search(/Let me in/) : text.search(/"exp":/) + '"exp":1'.length;
    assert.ok(at >= 0, text);
    return at;
  });
}

describe('callers that prove themselves with a DID', () => {
  const scope = new Scope();
  let engine;
  let gateway;

  before(async () => {
    engine = await startEngine(scope);
    gateway = await startGateway(scope, {
      DID_ALLOW: '*',
      DID_AUD: audience,
      PUBLIC_URL: origin,
      ENGINE_URL: engine.url,
    });
  });
  after(() => scope.close());

  function call(token, through = gateway) {
    return fetch(through.url + target, {
      signal: AbortSignal.timeout(patienceMs),
      headers: { authorization: `Bearer ${token}`, 'user-agent': 'peer' },
    });
  }

  async function expectAccepted(token, user, through = gateway) {
    const reply = await call(token, through);
    const text = await reply.text();
    if (reply.status !== 200) {
      assert.fail(`${reply.status} ${text} ${JSON.stringify(await through.accessLine(reply))}`);
    }
    const { headers } = engine.requests.at(-1);
    assert.equal(headers['x-attach-user'], user);
    assert.equal(headers['x-attach-session'], sessionOf(user, 'peer'));
    assert.equal(headers.authorization, undefined, "the caller's token went to the engine");
  }

  async function expectDenied(token, reasons, status = 401, through = gateway) {
    const before = engine.requests.length;
    const reply = await call(token, through);
    assert.equal(reply.status, status, await reply.text());
    const { reason } = await through.accessLine(reply);
    assert.match(reason, reasons);
    assert.equal(engine.requests.length, before, 'a denied request reached the engine');
  }

  for (const [name, make] of Object.entries(callers)) {
    describe(name, () => {
      const { did, token } = make();

      test('is accepted as its DID', async () => {
        await expectAccepted(await token(claims()), did);
      });

      test('with one bit of the signature turned is refused', async () => {
        await expectDenied(turnedSignature(await token(claims())), /^signature_(invalid|high_s|s_not_reduced)$/);
      });

      test('with one bit of the payload turned is refused', async () => {
        await expectDenied(turnedPayload(await token(claims())), /^signature_invalid$/);
      });

      test('for another audience is refused', async () => {
        await expectDenied(await token(claims({ aud: 'somebody-else' })), /^audience_mismatch$/);
      });

      test('that has expired is refused', async () => {
        await expectDenied(await token(claims({ iat: seconds(-600), exp: seconds(-120) })), /^expired$/);
      });

      test('that lives too long is refused', async () => {
        await expectDenied(await token(claims({ exp: seconds(7200) })), /^lifetime_too_long$/);
      });
    });
  }

  test('one wallet is one user, however its address is spelled', async () => {
    const wallet = Wallet.createRandom();
    const signer = ES256KSigner(hexBytes(wallet.privateKey), true);
    const issuer = `did:pkh:eip155:1:${wallet.address.toLowerCase()}`;
    const token = await createJWT(claims(), { issuer, signer, alg: 'ES256K-R' });
    await expectAccepted(token, `did:pkh:eip155:1:${wallet.address}`);
  });

  test('an address whose capitals are not its checksum is refused', async () => {
    const wallet = Wallet.createRandom();
    const digits = wallet.address.slice(2);
    const wrong = [...digits].map((c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())).join('');
    const issuer = `did:pkh:eip155:1:0x${wrong}`;
    const signer = ES256KSigner(hexBytes(wallet.privateKey), true);
    await expectDenied(await createJWT(claims(), { issuer, signer, alg: 'ES256K-R' }), /^did_pkh_checksum$/);
  });

  test('a signature over the raw hash is no personal_sign', async () => {
    const wallet = Wallet.createRandom();
    const text = prefixed(`did:pkh:eip155:1:${wallet.address}`, claims());
    for (const [hash, reason] of [
      [keccak256, /^signature_raw_hash$/],
      [sha256, /^signature_invalid$/],
    ]) {
      const signature = wallet.signingKey.sign(hash(Buffer.from(text))).serialized;
      await expectDenied(`${text}.${base64url(hexBytes(signature))}`, reason);
    }
  });

  test('somebody else cannot sign for a DID', async () => {
    const victim = eddsaCaller();
    const { seed, point } = ed25519Key();
    const signer = EdDSASigner(Buffer.concat([seed, point]));
    const token = await createJWT(claims(), { issuer: victim.did, signer, alg: 'EdDSA' });
    await expectDenied(token, /^signature_invalid$/);
  });

  describe('Sign-In with Ethereum', () => {
    async function signedIn(changes = {}, chain = 1) {
      const wallet = Wallet.createRandom();
      const message = new SiweMessage({
        domain,
        address: wallet.address,
        statement: 'Let me in.',
        uri: origin,
        version: '1',
        chainId: 1,
        nonce: 'abcdefgh12345678',
        issuedAt: new Date().toISOString(),
        expirationTime: new Date(Date.now() + 600_000).toISOString(),
        ...changes,
      });
      const text = message.prepareMessage();
      const did = `did:pkh:eip155:${chain}:${wallet.address}`;
      const signature = await wallet.signMessage(text);
      return { did, token: `${did}.${base64url(text)}.${base64url(hexBytes(signature))}` };
    }

    test('a message of the siwe package is accepted', async () => {
      const { did, token } = await signedIn();
      await expectAccepted(token, did);
    });

    test('one without a statement is accepted', async () => {
      const { did, token } = await signedIn({ statement: undefined });
      await expectAccepted(token, did);
    });

    const later = (ms) => new Date(Date.now() + ms).toISOString();
    for (const [what, changes, reason] of [
      ['for another domain', { domain: 'evil.example.com' }, /^siwe_domain$/],
      ['for another URI', { uri: 'https://evil.example.com' }, /^siwe_uri$/],
      ['for another chain than the DID says', { chainId: 137 }, /^siwe_chain$/],
      ['that has expired', { expirationTime: later(-120_000) }, /^expired$/],
      ['that does not expire', { expirationTime: undefined }, /^siwe_expiration_missing$/],
      ['that is not valid yet', { notBefore: later(300_000) }, /^not_yet_valid$/],
      ['that lives too long', { expirationTime: later(86_400_000) }, /^lifetime_too_long$/],
    ]) {
      test(`one ${what} is refused`, async () => {
        await expectDenied((await signedIn(changes)).token, reason);
      });
    }

    test('one for another wallet than the DID is refused', async () => {
      const mine = await signedIn();
      const { token } = await signedIn();
      const segments = token.split('.');
      await expectDenied([mine.did, segments[1], segments[2]].join('.'), /^signature_invalid$/);
    });

    test('one on another chain is another user', async () => {
      const { did, token } = await signedIn({ chainId: 137 }, 137);
      await expectAccepted(token, did);
    });

    test('one with a bit turned in signature or text is refused', async () => {
      const { token } = await signedIn();
      await expectDenied(turnedSignature(token), /^signature_(invalid|high_s)$/);
      await expectDenied(turnedPayload(token), /^signature_invalid$/);
    });
  });

  describe('the command line', () => {
    const run = async (directory, ...args) => {
      const { stdout } = await promisify(execFile)(binary, args, { cwd: directory, env: {}, timeout: patienceMs });
      return stdout.trim();
    };

    for (const [type, alg] of Object.entries({ ed25519: 'EdDSA', p256: 'ES256', secp256k1: 'ES256K' })) {
      test(`makes a ${type} key whose tokens did-jwt and the gateway accept`, async () => {
        const directory = makeDirectory(scope);
        const did = await run(directory, 'did', 'new', '--type', type, '--out', 'me.pem');
        const token = await run(directory, 'token', '--did', 'me.pem', '--aud', audience);
        const resolver = {
          resolve: async (url) => ({
            didResolutionMetadata: {},
            didDocumentMetadata: {},
            didDocument: JSON.parse(await run(directory, 'did', 'resolve', url)),
          }),
        };
        const verified = await verifyJWT(token, { resolver, audience, proofPurpose: 'authentication' });
        assert.equal(verified.verified, true);
        assert.equal(verified.issuer, did);
        assert.equal(JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).alg, alg);
        await expectAccepted(token, did);
        await assert.rejects(verifyJWT(turnedSignature(token), { resolver, audience }));
      });
    }
  });

  test('a bare DID proves nobody', async () => {
    const { did } = eddsaCaller();
    await expectDenied(did, /^did_without_signature$/);
  });

  test('a good signature of a DID that is not on the list is 403', async () => {
    const listed = eddsaCaller();
    const other = es256kCaller();
    const strict = await startGateway(scope, {
      DID_ALLOW: `${listed.did},did:pkh:*`,
      DID_AUD: audience,
      ENGINE_URL: engine.url,
    });
    await expectAccepted(await listed.token(claims()), listed.did, strict);
    const wallet = walletCaller('ES256K-R');
    await expectAccepted(await wallet.token(claims()), wallet.did, strict);
    await expectDenied(await other.token(claims()), /^did_not_allowed$/, 403, strict);
    await expectDenied(turnedSignature(await other.token(claims())), /^signature_(invalid|high_s)$/, 401, strict);
  });

  test('DID_REPLAY=deny takes a token with a jti once, also after a restart', async () => {
    const owner = new Scope();
    const options = {
      DID_ALLOW: '*',
      DID_AUD: audience,
      DID_REPLAY: 'deny',
      ENGINE_URL: engine.url,
    };
    options.ATTACH_DATA_DIR = `${makeDirectory(scope)}/data`;
    const first = await startGateway(owner, options);
    const caller = eddsaCaller();
    const token = await caller.token(claims({ jti: 'once' }));
    await expectAccepted(token, caller.did, first);
    await expectDenied(token, /^token_replayed$/, 401, first);
    const plain = await caller.token(claims());
    await expectAccepted(plain, caller.did, first);
    await expectAccepted(plain, caller.did, first);
    await owner.close();
    const second = await startGateway(scope, options);
    await expectDenied(token, /^token_replayed$/, 401, second);
    await expectAccepted(await caller.token(claims({ jti: 'twice' })), caller.did, second);
  });
});
