// SPDX-License-Identifier: MIT
//
// client.mjs - hands a chat to the workflow ProcessChat through the gateway, and waits for the result. Needs only node.
// GATEWAY_URL (http://localhost:8080) and TOKEN, the user's bearer token.
const { GATEWAY_URL: gateway = 'http://localhost:8080', TOKEN: token } = process.env;
const text = process.argv.slice(2).join(' ') || 'How many words are these?';

async function call(path, body) {
  const reply = await fetch(gateway + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!reply.ok) {
    throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
  }
  return reply.json();
}

if (token === undefined) {
  throw new Error('TOKEN is not set: the bearer token of a user whom the gateway knows');
}
const { task_id: task } = await call('/a2a/tasks/send', {
  input: { messages: [{ role: 'user', content: text }] },
  target_url: 'temporal://ProcessChat',
});
console.error(`task ${task}`);
for (;;) {
  const { state, result, ...rest } = await call(`/a2a/tasks/status/${task}`);
  if (state === 'done') {
    console.log(JSON.stringify(result));
    break;
  }
  if (state === 'error') {
    throw new Error(`task ${task} ended with an error: ${JSON.stringify({ result, ...rest })}`);
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
}
