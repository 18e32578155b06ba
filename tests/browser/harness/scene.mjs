// SPDX-License-Identifier: MIT
//
// scene.mjs - everything behind the page: engine, issuer, gateway and the two example agents, on free ports.
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { startGateway } from '../../peers/harness/gateway.mjs';
import { Program } from '../../peers/harness/program.mjs';
import { startIssuer } from '../../peers/harness/provider.mjs';
import { startHeldEngine } from './held_engine.mjs';
import { audience, clientId, startLoginProvider } from './login_provider.mjs';

export const repository = fileURLToPath(new URL('../../../', import.meta.url));
const binary = process.env.GATEWAY_BINARY ?? path.join(repository, 'build/attach-gateway');

/** A port that was free a moment ago: whoever needs an address before its program runs. */
async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startAgent(owner, name, port, gateway) {
  const program = new Program(path.join(path.dirname(binary), 'examples/agents', name), [
    '--port',
    String(port),
    '--gateway',
    gateway,
  ]);
  owner.after(() => program.stop());
  await program.lineLike(/on (http:.*)/);
  return program;
}

/** <options> are the gateway's. */
export async function startScene(owner, options = {}) {
  const [port, pagePort, plannerPort, coderPort] = await Promise.all([1, 2, 3, 4].map(freePort));
  const url = `http://127.0.0.1:${port}`;
  const elsewhere = `http://localhost:${pagePort}`;
  const engine = await startHeldEngine(owner);
  const provider = await startLoginProvider(owner, [url, elsewhere]);
  const issuer = await startIssuer(owner); // of tokens that are pasted
  const gateway = await startGateway(owner, {
    PORT: String(port),
    ENGINE_URL: engine.url,
    OIDC_ISSUER: `${provider.url},${issuer.url}`,
    OIDC_AUD: audience,
    AUTH0_DOMAIN: provider.url,
    AUTH0_CLIENT: clientId,
    CORS_ORIGINS: elsewhere,
    ATTACH_DEMO_DIR: path.join(repository, 'examples/static'),
    A2A_AGENTS: `planner=http://127.0.0.1:${plannerPort}/api/chat,coder=http://127.0.0.1:${coderPort}/api/chat`,
    ...options,
  });
  const ports = { planner: plannerPort, coder: coderPort };
  const agents = {};
  const restart = async (name) => {
    agents[name] = await startAgent(owner, name, ports[name], gateway.url);
  };
  await restart('coder');
  await restart('planner');
  return { engine, provider, issuer, gateway, agents, restart, elsewhere, pagePort };
}
