// SPDX-License-Identifier: MIT
//
// worker.mjs - runs the workflows of workflows.mjs. The same variables as the gateway's: TEMPORAL_URL, TEMPORAL_NAMESPACE,
// TEMPORAL_QUEUE, TEMPORAL_TLS, TEMPORAL_API_KEY.
import { fileURLToPath } from 'node:url';

import { NativeConnection, Worker } from '@temporalio/worker';

const {
  TEMPORAL_URL: address = 'localhost:7233',
  TEMPORAL_NAMESPACE: namespace = 'default',
  TEMPORAL_QUEUE: taskQueue = 'attach-gateway',
  TEMPORAL_API_KEY: apiKey,
  TEMPORAL_TLS: tls = String(apiKey !== undefined),
} = process.env;

const connection = await NativeConnection.connect({ address, apiKey, tls: tls === 'true' });
const worker = await Worker.create({
  connection,
  namespace,
  taskQueue,
  workflowsPath: fileURLToPath(new URL('workflows.mjs', import.meta.url)),
});
console.error(`worker ready: ${taskQueue} at ${address}`);
try {
  await worker.run(); // until SIGINT or SIGTERM
} finally {
  await connection.close();
}
